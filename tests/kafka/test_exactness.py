"""Nothing is lost and nothing doubled: the log is the input, and the live run is its replay."""

import asyncio
import signal
import time
from collections import Counter, defaultdict

import pytest

from stream.engine.meta import META_KEY, unpack_meta
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.cloudevent import encode_change
from stream.events.envelope import decode
from stream.events.records import Event, decode_record
from stream.state.codec import unpack
from stream.state.row import Row
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


async def has_logged(place: Installation, count: int) -> bool:
    """Whether the log holds so many records; cheaper than looking at them."""
    return await place.length("customer-events") >= count


async def logged_ids(place: Installation) -> list[int]:
    records = (decode_record(r.value) for r in await place.read("customer-events") if r.key)
    return [record.message_id for record in records if isinstance(record, Event)]


async def has_folded_all(place: Installation) -> bool:
    """Whether every event in the log has been folded and committed."""
    ends = {r.partition: r.offset for r in await place.read("customer-events") if r.key}
    metas = [r for r in await place.read("customers-changelog") if r.key == META_KEY]
    folded = {r.partition: unpack_meta(r.value).next_offset for r in metas}
    return all(folded.get(partition, 0) > end for partition, end in ends.items())


def unpacked(rows: dict[bytes, bytes]) -> dict[bytes, Row]:
    """Customers' rows; the sets in them have no order of their own."""
    return {key: unpack(row) for key, row in rows.items() if not key.startswith(b"\0")}


async def expect_replay_equals_live(place: Installation) -> int:
    """Fold the log with the pure engine; rows and changes are the live run's."""
    log = defaultdict(list)
    for record in await place.read("customer-events"):
        log[record.partition].append(record)
    live_rows = defaultdict(dict)
    for record in await place.read("customers-changelog"):
        live_rows[record.partition][record.key] = record.value
    live_changes = defaultdict(list)
    for record in await place.read("segment-changes"):
        live_changes[record.partition].append(record.value)
    compared = 0
    for partition, records in log.items():
        # Ticks that came after the last commit are not folded yet.
        folded = unpack_meta(live_rows[partition][META_KEY]).next_offset
        engine = PartitionEngine(partition, EngineSettings(shop="shop"))
        rows, changes = {}, []
        for record in records:
            if record.offset >= folded:
                break
            effects = engine.fold([record])
            rows |= effects.rows
            changes += [encode_change(change, "shop") for change in effects.changes]
        assert unpacked(live_rows[partition]) == unpacked(rows)
        assert live_changes[partition] == changes
        compared += len(changes)
    return compared


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


async def test_kills_stops_joins_and_leaves_lose_nothing_and_double_nothing(place):
    await place.create()
    raw = list(shopping(16_000, int(time.time() * 1000) - 60_000))
    workers = [place.start_worker()]
    await until(workers[0].is_ready)
    feeding = asyncio.create_task(place.send("events", raw, pause_every=12))
    workers.append(place.start_worker())
    await until(workers[1].is_ready)
    await until(lambda: has_logged(place, 3_000))
    workers[0].signal(signal.SIGKILL)
    workers[0].wait()
    workers.append(place.start_worker())
    await until(workers[2].is_ready)
    workers[1].signal(signal.SIGSTOP)
    await until(lambda: has_logged(place, 10_000))
    workers[1].signal(signal.SIGCONT)
    await until(workers[1].is_ready)
    assert workers[2].terminate() == 0, workers[2].log
    await feeding
    await until(lambda: has_routed(place, len(raw)))
    await until(lambda: has_folded_all(place))
    await quiet(place, workers[1:2])
    assert Counter(await logged_ids(place)) == message_ids(raw)
    assert await expect_replay_equals_live(place) > 100
