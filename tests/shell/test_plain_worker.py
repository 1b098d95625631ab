"""The worker on the embedded broker: no transactions, and said so."""

import asyncio
import json
import sys
import time
from collections import Counter

import pytest

from stream.events.envelope import decode
from stream.events.records import Event, decode_record
from stream.shell.embedded import EmbeddedBroker
from tests.kafka.installation import Installation, event, until
from tests.kafka.pipeline import Pipeline

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)

NAMES = ("Product Viewed", "Product Added", "Order Completed")


@pytest.fixture
def place():
    with EmbeddedBroker() as broker:
        installation = Pipeline(broker, partitions=2)
        try:
            yield installation
        finally:
            installation.end()


async def logged(place: Installation) -> Counter[int]:
    records = [decode_record(r.value) for r in await place.read("customer-events") if r.key]
    return Counter(record.message_id for record in records if isinstance(record, Event))


async def test_a_worker_makes_its_topics_says_what_it_promises_and_goes_on_after_a_restart(place):
    begin_ms = int(time.time() * 1000) - 20_000
    raw = [event(f"c-{n % 20}", n, begin_ms + n, NAMES[n % 3]) for n in range(600)]
    first = place.start_worker()
    await until(first.is_ready)
    assert "delivery: plain, at least once" in first.log
    await place.send("events", raw[:300])

    async def has_logged(count: int) -> bool:
        return len(await logged(place)) == count

    await until(lambda: has_logged(300))
    assert first.terminate() == 0, first.log
    second = place.start_worker()
    await place.send("events", raw[300:])
    await until(lambda: has_logged(600))

    async def has_changes() -> bool:
        return len(await place.read("segment-changes")) > 50

    await until(has_changes)
    assert second.terminate() == 0, second.log
    # It had stopped in good order: not even here is anything told twice.
    sent = Counter(decode(value, 0, None).record.message_id for value in raw)
    assert await logged(place) == sent
    changes = await place.read("segment-changes")
    assert dict(changes[0].headers)["content-type"] == (
        b"application/cloudevents+json; charset=UTF-8"
    )
    assert all(change.key for change in changes)


async def test_a_past_is_filled_in_without_the_offsets_of_a_group(place, tmp_path):
    """There are none here: what the partitions have taken in stands in their own state."""
    begin_ms = int(time.time() * 1000) - 20_000
    worker = place.start_worker()
    await until(worker.is_ready)
    await place.send("events", [event("c-1", n, begin_ms + n, NAMES[0]) for n in range(6)])

    async def has_logged() -> bool:
        return len(await logged(place)) == 6

    await until(has_logged)
    file = tmp_path / "later.yaml"
    file.write_text("segments: [{name: looker, purpose: p, enter: 'count(product_viewed) >= 6'}]")
    words = ("segments", "publish", str(file), "--yes", "--backfill", "--json")
    told = await asyncio.to_thread(place.shoal, *words)
    assert json.loads(told.splitlines()[-1]) == {
        "measures": 1, "beyond": 0, "backfills": 1, "since_ms": 0
    }  # fmt: skip

    async def has_entered() -> bool:
        changes = [json.loads(r.value) for r in await place.read("segment-changes")]
        return [c["subject"] for c in changes if c["data"]["segment"] == "looker"] == ["c-1"]

    await until(has_entered)
