"""Whatever is sent, the worker goes on: each bad record ends in dead-letters, and says why."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer

from stream.clock import rfc3339
from tests.kafka.broker import Broker
from tests.kafka.installation import event, until
from tests.kafka.pipeline import Pipeline

pytestmark = pytest.mark.kafka

NOW_MS = 1_795_256_100_000


@pytest.fixture
def pipeline(kafka: Broker) -> Iterator[Pipeline]:
    found = Pipeline(kafka)
    asyncio.run(found.create())
    yield found
    found.end()


def order(**changes: object) -> bytes:
    """An order with some of its parts exchanged."""
    body: dict[str, object] = {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m",
        "userId": "c",
        "timestamp": rfc3339(NOW_MS),
        "properties": {"order_id": "o", "revenue": 10},
    }
    return json.dumps(body | changes).encode()


NESTED = b'{"userId":"c","type":"track","event":"x","properties":{"a":' + b"[" * 9000 + b"]" * 9000

BAD: dict[str, tuple[bytes | None, str, str]] = {
    "truncated JSON": (order()[:-20], "not_json", "$"),
    "wrong type": (order(properties={"revenue": {"a": 1}}), "wrong_type", "$.properties.revenue"),
    "no id": (order(userId=None), "no_id", "$.userId"),
    "NaN": (order(properties={"revenue": "NaN"}), "out_of_range", "$.properties.revenue"),
    "infinity": (order(properties={"revenue": "Infinity"}), "out_of_range", "$.properties.revenue"),
    "40 KB": (order(context={"page": {"title": "x" * 40_000}}), "too_large", "$"),
    "deep nesting": (NESTED + b"}}", "too_deep", "$"),
    "year 1970": (order(timestamp="1970-01-01T00:00:00Z"), "time_out_of_range", "$.timestamp"),
    "lone surrogate": (order(userId="\ud800"), "not_utf8", "$.userId"),
    "empty body": (b"", "empty", "$"),
    "no body": (None, "empty", "$"),
    "binary": (bytes(range(128, 256)), "not_json", "$"),
    "not an object": (b"[]", "wrong_type", "$"),
}

APPLIED = {
    "unknown event": order(event="Roof Painted", userId="painter"),
    "year 2300": order(timestamp="2300-01-01T00:00:00Z", userId="traveller"),
    "numbers as strings": order(properties={"order_id": 7, "revenue": "10.50"}, userId="texter"),
}
"""Odd, but the specification or the design allows it."""


async def send(pipeline: Pipeline, values: list[bytes | None]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=pipeline.settings.broker)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(pipeline.topic("events"), value, key=b"k", partition=0)
    finally:
        await producer.stop()


def test_every_bad_record_is_a_dead_letter_and_the_rest_is_applied(pipeline: Pipeline) -> None:
    worker = pipeline.work()
    good = [event(f"good-{n}", n, NOW_MS) for n in range(20)]
    values = [value for value, _, _ in BAD.values()]
    values += [*APPLIED.values(), *good]
    asyncio.run(send(pipeline, list(values)))
    asyncio.run(until(lambda: _everyone_known(pipeline, 20 + len(APPLIED))))

    letters = asyncio.run(pipeline.read("dead-letters"))
    told = {letter.value: dict(letter.headers) for letter in letters}
    assert len(letters) == len(BAD)
    for name, (value, reason, field) in BAD.items():
        headers = told[value]
        assert headers["__shoal.errors.reason"].decode() == reason, name
        assert headers["__shoal.errors.field"].decode() == field, name
        assert headers["__shoal.errors.topic"].decode() == pipeline.topic("events"), name
    assert worker.is_alive

    raw = Ledger(worker.metrics(), "raw")
    assert raw.dead == len(BAD)
    assert raw.consumed == len(values) == raw.ends("routed") + raw.control + raw.dead
    log = Ledger(worker.metrics(), "log")
    ends = ("applied", "duplicate", "forwarded", "quarantined")
    folded = sum(log.ends(end) for end in ends)
    assert log.consumed == folded + log.control + log.dead


class Ledger:
    """What the metrics say of a topic's records."""

    def __init__(self, metrics: dict[str, float], topic: str) -> None:
        self._metrics = metrics
        self._topic = f'at="{topic}"'
        self.consumed = self._of("shoal_records_consumed_total")
        self.control = self._of("shoal_records_control_total")
        self.dead = self._of("shoal_dead_letters_total")

    def _of(self, name: str) -> float:
        mine = (v for k, v in self._metrics.items() if k.startswith(name) and self._topic in k)
        return sum(mine)

    def ends(self, end: str) -> float:
        """Records with an end that only one topic's can have."""
        name = f"shoal_records_{end}_total"
        return sum(v for k, v in self._metrics.items() if k.partition("{")[0] == name)


async def _everyone_known(pipeline: Pipeline, customers: int) -> bool:
    told = {change["subject"] for change in await pipeline.changes()}
    return len(told) >= customers
