"""A token runs out while a worker works: the broker closes its connections, it opens new ones."""

import time

import pytest

from tests.kafka.installation import event, until
from tests.kafka.secured import WORKER, grant
from tests.kafka.token_endpoint import TokenEndpoint
from tests.kafka.ways import kafka, place, planned, secure

__all__ = ["kafka", "place"]

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]

LIVES_S = 6
"""As long as a connection may be used: the broker closes it at the first request after that."""

TOKENS = 4


async def test_a_worker_works_on_when_its_tokens_have_expired(place, kafka):
    endpoint = TokenEndpoint(*kafka.certificate_of("127.0.0.1"), lives_s=LIVES_S)
    try:
        await place.create()
        await grant(place.settings, WORKER, planned(place, "worker"))
        worker = place.start_worker(**secure(kafka, "OAUTHBEARER endpoint", endpoint))
        sent: set[bytes] = set()

        async def has_worked() -> bool:
            """One more customer until tokens have expired, and every one of them is told of."""
            assert worker.is_alive, worker.log
            if endpoint.asked <= TOKENS:
                name = f"c-{len(sent)}"
                await place.send("events", [event(name, len(sent), int(time.time() * 1000))])
                sent.add(name.encode())
            told = {record.key for record in await place.read("memberships")}
            return endpoint.asked > TOKENS and sent <= told

        await until(has_worked)
        assert worker.terminate() == 0, worker.log
        assert "aborted" not in worker.log
        assert "Traceback" not in worker.log
    finally:
        endpoint.close()
