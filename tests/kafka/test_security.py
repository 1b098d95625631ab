"""TLS and passwords, all the way: reader, producers, admin client and the group's consumer."""

import time

import pytest

from tests.kafka.broker import SECURE_PASSWORD, SECURE_USER, discard, new_broker
from tests.kafka.installation import Installation, event, until

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def secure_kafka():
    broker = new_broker(is_secure=True)
    try:
        yield broker.start()
    finally:
        discard(broker)


@pytest.fixture
def place(secure_kafka):
    installation = Installation(secure_kafka)
    try:
        yield installation
    finally:
        installation.end()


def secure(kafka, **changes: str) -> dict[str, str]:
    return {
        "SHOAL_BROKER": kafka.secure_address,
        "SHOAL_SECURITY_PROTOCOL": "SASL_SSL",
        "SHOAL_SASL_MECHANISM": "PLAIN",
        "SHOAL_SASL_USERNAME": SECURE_USER,
        "SHOAL_SASL_PASSWORD": SECURE_PASSWORD,
        "SHOAL_TLS_CA_FILE": str(kafka.certificate),
        **changes,
    }


async def test_a_worker_works_over_tls_with_a_password(place, secure_kafka):
    await place.create()
    worker = place.start_worker(**secure(secure_kafka))
    now_ms = int(time.time() * 1000)
    await place.send("events", [event(f"c-{n}", n, now_ms) for n in range(40)])

    async def all_logged() -> bool:
        return len([r for r in await place.read("customer-events") if r.key]) == 40

    await until(all_logged)
    assert worker.terminate() == 0, worker.log
    assert SECURE_PASSWORD not in worker.log


async def test_a_wrong_password_ends_the_worker_with_a_word_about_it(place, secure_kafka):
    await place.create()
    worker = place.start_worker(**secure(secure_kafka, SHOAL_SASL_PASSWORD="wrong"))
    assert worker.wait() == 1
    assert "uthentication" in worker.log
    assert "Traceback" not in worker.log


async def test_a_certificate_of_nobody_that_is_trusted_is_refused(place, secure_kafka):
    worker = place.start_worker(**secure(secure_kafka, SHOAL_TLS_CA_FILE=""))
    assert worker.wait() == 1
    assert "does not answer" in worker.log
