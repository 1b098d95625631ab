"""Readers that go quiet within a real worker: a client that fetches a partition no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer

from stream.shell.whereabouts import HEADING
from tests.kafka.faults.round import WEEK_END_MS
from tests.kafka.fixtures import own_kafka, shared_broker
from tests.kafka.installation import event, until
from tests.kafka.lines_first import ends_after, lines_first
from tests.kafka.pipeline import Pipeline
from tests.kafka.weeks import simulated

__all__ = ["own_kafka"]

pytestmark = pytest.mark.kafka

STALL_S = 6

FORGETFUL = """
    import aiokafka.consumer.fetcher as fetching

    actions = fetching.Fetcher._get_actions_per_node

    def forgetful(fetcher, assignment):
        requests, *rest = actions(fetcher, assignment)
        for _, request in requests:
            request._topics = [
                (topic, [p for p in partitions if not is_forgotten(fetcher, topic, *p[:2])])
                for topic, partitions in request._topics
            ]
        return (requests, *rest)

    fetching.Fetcher._get_actions_per_node = forgetful
"""

FORGETS_LOG = """
    def is_forgotten(fetcher, topic, partition, offset):
        return topic.endswith("customer-events") and partition == 0 and offset > 0
"""

FIRST_FORGETS_CLOCK = """
    first = []

    def is_forgotten(fetcher, topic, partition, offset):
        if topic.endswith("clock") and offset > 0:
            first.append(fetcher)
            return fetcher is first[0]

    import stream.shell.log_reader as reading

    reading.LOOK_S = 1.0
"""


@pytest.fixture
def shop() -> Iterator[Pipeline]:
    pipeline = Pipeline(shared_broker())
    try:
        yield pipeline
    finally:
        pipeline.end()


def orders(first_ms: int, count: int) -> list[tuple[bytes, bytes]]:
    return [(b"%d" % n, event(f"c{n}", n, first_ms + 10 * n)) for n in range(count)]


async def test_a_partition_that_is_fetched_no_more_ends_the_worker_and_says_where_it_waited(
    shop, tmp_path
):
    await shop.create()
    worker = shop.work(**ends_after(STALL_S, tmp_path, FORGETS_LOG, FORGETFUL))
    await until(worker.is_ready)
    await shop.send_keyed(orders(int(time.time() * 1000), 200), history_ends=False)
    await until(lambda: not worker.is_alive, 4 * STALL_S)
    assert worker.wait() == 1
    topic = shop.topic("customer-events")
    assert f"no progress for {STALL_S} s: {topic}-0 is not read on: it ends at" in worker.log
    assert HEADING in worker.log


async def test_a_time_keeper_that_hears_nothing_more_begins_anew_and_the_clock_goes_on(
    shop, tmp_path
):
    await shop.create()
    worker = shop.work(**ends_after(STALL_S, tmp_path, FIRST_FORGETS_CLOCK, FORGETFUL))
    await until(worker.is_ready)
    begun_ms = int(time.time() * 1000)
    await shop.send_keyed(orders(begun_ms, 200), history_ends=False)
    await shop.until(
        lambda metas: len(metas) == 4 and all(m.clock_ms > begun_ms for m in metas.values())
    )
    assert "the clock waits for the broker (ReaderStuckError" in worker.log
    assert worker.log.count("keeping time from clock") == 2
    assert worker.is_alive


@pytest.mark.chaos
@pytest.mark.parametrize("ends", ["commit_transaction", "abort_transaction"])
async def test_who_has_read_everything_is_not_stuck_before_a_marker_or_what_was_aborted(
    shop, tmp_path, ends
):
    """A shop that sends by transactions, and then nothing for three times as long as it takes."""
    await shop.create()
    worker = shop.work(**ends_after(4, tmp_path))
    await until(worker.is_ready)
    producer = AIOKafkaProducer(bootstrap_servers=shop.settings.broker, transactional_id=ends)
    await producer.start()
    await producer.begin_transaction()
    for key, value in orders(int(time.time() * 1000), 50):
        await producer.send(shop.topic("events"), value, key=key)
    await getattr(producer, ends)()
    await producer.stop()
    enough_s = time.monotonic() + 12
    await until(lambda: not worker.is_alive or time.monotonic() > enough_s)
    assert worker.is_alive, worker.log


GONE_AT_A_DECISION = """
    import asyncio
    from pathlib import Path

    import aiokafka.consumer.fetcher as fetching
    import stream.shell.delivery as delivering

    here = Path(__file__).parent
    delivering.COMMIT_TIMEOUT_S = 2.0
    deliver = delivering.TransactionalDelivery.deliver
    decisions = []

    async def awaited(delivery, *what):
        if delivery._id.endswith("coordinator"):
            decisions.append(what)
            if len(decisions) == 5:
                (here / "decides").touch()
                while not (here / "gone").exists():
                    await asyncio.sleep(0.01)
        return await deliver(delivery, *what)

    delivering.TransactionalDelivery.deliver = awaited
    init = fetching.Fetcher.__init__

    def patient(fetcher, *args, **options):
        init(fetcher, *args, **options)
        fetcher._retry_backoff = 2.0

    fetching.Fetcher.__init__ = patient
"""
"""The broker goes when the clock is about to tell a decision, which is given up soon; a fetch is
nearly always waiting to try again then."""


async def test_the_clock_goes_on_after_a_decision_that_no_broker_took(own_kafka, tmp_path):
    # The group does not notice: it would deal anew, and with that the clock begin anew as well.
    shop = Pipeline(own_kafka, session_timeout_ms=60_000)
    try:
        await shop.create()
        worker = shop.work(**lines_first(tmp_path, GONE_AT_A_DECISION))
        await until(worker.is_ready)
        week = simulated(1, 60, WEEK_END_MS)
        sending = asyncio.create_task(shop.send_keyed(week, history_ends=True, over_s=15.0))
        await until(tmp_path.joinpath("decides").exists)
        assert shop.sent_ratio < 0.9
        own_kafka.kill()
        tmp_path.joinpath("gone").touch()
        await until(lambda: "was aborted" in worker.log)
        own_kafka.start()
        await sending
        await shop.until(shop.at_clock(WEEK_END_MS))
        assert "a decision of the clock was aborted" in worker.log
        assert worker.is_alive
    finally:
        shop.end()
