"""Nothing is lost and nothing doubled: the log is the input, and the live run is its replay."""

import time
from collections import Counter

import pytest

from stream.events.envelope import decode
from stream.events.records import Event, decode_record
from tests.kafka.installation import Installation, WorkerProcess, event, until

pytestmark = pytest.mark.kafka

CUSTOMERS = 200


def shopping(
    count: int, begin_ms: int, names=("Product Viewed", "Product Added", "Order Completed")
):
    """Events of many customers, in order, a millisecond apart."""
    for number in range(count):
        customer = f"c-{number * 7919 % CUSTOMERS}"
        yield event(customer, number, begin_ms + number, names[number % len(names)])


def message_ids(raw: list[bytes]) -> Counter[int]:
    return Counter(decode(value, 0, None).record.message_id for value in raw)


async def has_routed(place: Installation, count: int) -> bool:
    return len(await logged_ids(place)) >= count


async def logged_ids(place: Installation) -> list[int]:
    records = (decode_record(r.value) for r in await place.read("customer-events") if r.key)
    return [record.message_id for record in records if isinstance(record, Event)]


async def quiet(place: Installation, workers: list[WorkerProcess]) -> None:
    """Let the workers finish everything and end in good order."""
    for worker in workers:
        if worker.is_alive:
            assert worker.terminate() == 0, worker.log


async def test_a_restart_goes_on_exactly_where_it_stopped(place):
    await place.create()
    raw = list(shopping(6_000, int(time.time() * 1000) - 30_000))
    worker = place.start_worker()
    await place.send("events", raw[:3_000])
    await until(lambda: has_routed(place, 3_000))
    assert worker.terminate() == 0, worker.log
    again = place.start_worker()
    await place.send("events", raw[3_000:])
    await until(lambda: has_routed(place, 6_000))
    await quiet(place, [again])
    assert Counter(await logged_ids(place)) == message_ids(raw)
