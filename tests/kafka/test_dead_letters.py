"""Dead letters on a real broker: listed by reason, sent again as they were, once, and counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from stream.clock import rfc3339
from stream.events.partitioner import partition_of
from stream.events.records import encode_record
from stream.shell.dead_letters import PREFIX, RETRIED, RETRIES
from tests.kafka.broker import Broker
from tests.kafka.installation import WorkerProcess, until
from tests.kafka.pipeline import Pipeline
from tests.kafka.test_bad_input import Ledger
from tests.state.shopping import order as an_order

pytestmark = pytest.mark.kafka

NOW_MS = 1_795_256_100_000
FORTUNE = 4_000_000_000_000
"""Twice as much is more than a row can sum: the second order of it dies in the fold. No shop's
event gets so far: decoding refuses it."""

KEY = b"anna"


@pytest.fixture
def pipeline(kafka: Broker) -> Iterator[Pipeline]:
    found = Pipeline(kafka, partitions=2)
    asyncio.run(found.create())
    yield found
    found.end()


def call(event: str, number: int, **properties: object) -> bytes:
    return json.dumps(
        {
            "type": "track",
            "event": event,
            "messageId": f"m-{number}",
            "userId": KEY.decode(),
            "timestamp": rfc3339(NOW_MS + number * 1000),
            "properties": properties,
        }
    ).encode()


def order(number: int, **properties: object) -> bytes:
    return call("Order Completed", number, order_id=f"o-{number}", **properties)


async def send(
    pipeline: Pipeline, *values: bytes, headers: Any = (), topic: str = "events"
) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.settings.broker, max_request_size=2 << 20
    )
    await producer.start()
    to = partition_of(KEY, pipeline.settings.partitions)
    try:
        for value in values:
            await producer.send_and_wait(
                pipeline.topic(topic), value, key=KEY, partition=to, headers=list(headers)
            )
    finally:
        await producer.stop()


def letters(pipeline: Pipeline) -> list[Any]:
    """All records of the topic that are letters, oldest first."""
    found = asyncio.run(pipeline.read("dead-letters"))
    return [r for r in found if RETRIED not in dict(r.headers)]


def wait_for_letters(pipeline: Pipeline, count: int) -> list[Any]:
    async def enough() -> bool:
        found = await pipeline.read("dead-letters")
        return sum(RETRIED not in dict(r.headers) for r in found) >= count

    asyncio.run(until(enough))
    return letters(pipeline)


def wait_for(worker: WorkerProcess, name: str, at_least: float) -> None:
    def reached() -> bool:
        if worker.port() is None:
            return False
        return Ledger(worker.metrics(), "log").ends(name) >= at_least

    asyncio.run(until(reached))


def expect_identity(worker: WorkerProcess) -> None:
    """Law 4: each record that was taken has an end, those that were sent again as well."""
    log = Ledger(worker.metrics(), "log")
    ends = ("applied", "duplicate", "forwarded", "quarantined", "erased")
    assert log.consumed == sum(log.ends(end) for end in ends) + log.control + log.dead
    raw = Ledger(worker.metrics(), "raw")
    assert raw.consumed == raw.ends("routed") + raw.control + raw.dead


def test_what_died_in_the_fold_is_applied_when_its_cause_is_mended(pipeline: Pipeline) -> None:
    worker = pipeline.work()
    fortunes = [encode_record(an_order(NOW_MS + n, f"o-{n}", FORTUNE)) for n in (1, 2)]
    asyncio.run(send(pipeline, *fortunes, topic="customer-events"))
    (letter,) = wait_for_letters(pipeline, 1)
    told = {name: value.decode() for name, value in letter.headers}
    assert told[PREFIX + "stage"] == "fold"
    assert told[PREFIX + "reason"] == "amount_overflow"
    assert told[PREFIX + "topic"] == pipeline.topic("customer-events")
    assert letter.key == KEY

    # Too early: it dies again, as a new letter that knows how often.
    done = json.loads(pipeline.shoal("dead-letters", "retry", "--all", "--json"))
    assert done["sent"] == 1
    again = wait_for_letters(pipeline, 2)[1]
    assert (again.key, again.value) == (letter.key, letter.value)
    assert dict(again.headers)[RETRIES] == b"1"

    asyncio.run(send(pipeline, call("Order Cancelled", 3, order_id="o-1")))
    wait_for(worker, "applied", 2)
    done = json.loads(
        pipeline.shoal("dead-letters", "retry", "--reason", "amount_overflow", "--json")
    )
    assert (done["sent"], done["before"]) == (1, 1)
    wait_for(worker, "applied", 3)
    shown = json.loads(pipeline.shoal("customer", KEY.decode(), "--json"))
    assert shown["events"] == 3
    assert len(letters(pipeline)) == 2
    expect_identity(worker)

    listed = json.loads(pipeline.shoal("dead-letters", "list", "--json"))
    assert (listed["letters"], listed["retried"], listed["waiting"]) == (2, 2, 0)
    assert listed["came_back"] == 1


def test_what_comes_back_again_and_again_stays(pipeline: Pipeline) -> None:
    """Bytes that are no record: three times sent again, four letters, and then no more."""
    worker = pipeline.work()
    asyncio.run(send(pipeline, b"\xc1", topic="customer-events"))
    for number in range(1, 5):
        found = wait_for_letters(pipeline, number)
        assert found[-1].value == b"\xc1"
        done = json.loads(pipeline.shoal("dead-letters", "retry", "--all", "--json"))
        assert done["sent"] == (number < 4)
    assert done == {
        **done, "sent": 0, "before": 3, "too_often": 1, "left_out": 0, "nowhere": 0
    }  # fmt: skip
    assert [dict(r.headers).get(RETRIES) for r in letters(pipeline)] == [None, b"1", b"2", b"3"]
    expect_identity(worker)


def test_a_letter_keeps_its_headers_and_its_message_id(pipeline: Pipeline) -> None:
    """One that an older build refused, of an event that was applied since: a duplicate."""
    worker = pipeline.work()
    value = order(1, revenue=10)
    asyncio.run(send(pipeline, value))
    wait_for(worker, "applied", 1)
    to = partition_of(KEY, pipeline.settings.partitions)
    refused = {
        "topic": pipeline.topic("events"), "partition": f"{to}", "offset": "0",
        "reason": "unknown_event", "field": "$", "stage": "decode", "message": "m",
    }  # fmt: skip
    headers = [("trace", b"t-1"), *((PREFIX + n, v.encode()) for n, v in refused.items())]
    asyncio.run(send(pipeline, value, headers=headers, topic="dead-letters"))

    chosen = ("dead-letters", "retry", "--reason", "unknown_event")
    dry = json.loads(pipeline.shoal(*chosen, "--dry-run", "--json"))
    assert dry["sent"] == 1
    assert (
        json.loads(pipeline.shoal("dead-letters", "retry", "--reason", "other", "--json"))["sent"]
        == 0
    )
    for sent in (1, 0, 0):
        assert json.loads(pipeline.shoal(*chosen, "--json"))["sent"] == sent
    wait_for(worker, "duplicate", 1)
    raw = asyncio.run(pipeline.read("events"))
    assert [(r.key, r.value) for r in raw] == [(KEY, value), (KEY, value)]
    assert dict(raw[1].headers) == {"trace": b"t-1", RETRIES: b"1"}
    assert Ledger(worker.metrics(), "log").ends("applied") == 1
    expect_identity(worker)


def test_letters_that_two_runs_wrote_of_one_event_are_one(pipeline: Pipeline) -> None:
    """A run that catches up reads the raw events anew, and buries what the former one has buried.

    What only the new one refuses is a letter of its own.
    """
    to = partition_of(KEY, pipeline.settings.partitions)

    def bury(value: bytes, offset: int, run: str, reason: str) -> None:
        told = {
            "topic": pipeline.topic("events"), "partition": f"{to}", "offset": f"{offset}",
            "reason": reason, "field": "$", "stage": "decode", "message": "m", "run": run,
        }  # fmt: skip
        headers = [(PREFIX + name, said.encode()) for name, said in told.items()]
        asyncio.run(send(pipeline, value, headers=headers, topic="dead-letters"))

    def retry(*chosen: str) -> tuple[int, int]:
        done = json.loads(pipeline.shoal("dead-letters", "retry", *chosen, "--json"))
        return done["sent"], done["before"]

    both, only = order(1, revenue=10), order(2, revenue=10)
    bury(both, 0, "1", "unknown_event")
    assert retry("--all") == (1, 0)
    bury(both, 0, "2", "unknown_event")
    bury(both, 0, "3", "not_json")
    bury(only, 1, "2", "unknown_event")
    listed = json.loads(pipeline.shoal("dead-letters", "list", "--json"))
    assert (listed["letters"], listed["retried"], listed["waiting"]) == (2, 1, 1)
    assert retry("--reason", "not_json") == (0, 1)
    assert retry("--all") == (1, 1)
    raw = asyncio.run(pipeline.read("events"))
    assert [(r.key, r.value) for r in raw] == [(KEY, both), (KEY, only)]


def test_a_record_larger_than_shoals_topics_take_stops_nobody(pipeline: Pipeline) -> None:
    worker = pipeline.work()
    large = b"x" * ((1 << 20) + 100)
    asyncio.run(send(pipeline, large, order(1, revenue=10)))
    wait_for(worker, "applied", 1)
    (letter,) = wait_for_letters(pipeline, 1)
    told = {name: value.decode() for name, value in letter.headers}
    assert (letter.value, told[PREFIX + "reason"]) == (None, "too_large")
    assert told[PREFIX + "left-out"].startswith(f"{len(large) + len(KEY)} bytes, blake2b ")
    done = json.loads(pipeline.shoal("dead-letters", "retry", "--all", "--json"))
    assert (done["sent"], done["left_out"]) == (0, 1)
    assert worker.is_alive
