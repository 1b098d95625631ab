"""What is said to customers, on a real broker: the topic carries what the log's replay gives."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream.clock import rfc3339
from stream.engine.settings import EngineSettings
from stream.events.cloudevent import encode_action
from stream.simulation.offline import LogReplay
from tests.kafka.broker import Broker
from tests.kafka.pipeline import Pipeline

pytestmark = pytest.mark.kafka

SEGMENTS = """\
voice: {caps: {email: 1 per 1 * DAY}}
segments:
  - name: cart
    purpose: To remind.
    enter: cart.items > 0
    action: {channels: [email], consent: marketing, message: m, enabled: true}
  - name: buyer
    purpose: To leave alone.
    enter: orders.count >= 1
    action: {kind: suppress, channels: [email], purpose: own, enabled: true}
"""


@pytest.fixture
def pipeline(kafka: Broker, tmp_path: Path) -> Iterator[Pipeline]:
    found = Pipeline(kafka)
    (tmp_path / "segments.yaml").write_text(SEGMENTS, encoding="utf-8")
    found.variables["SHOAL_SEGMENTS"] = str(tmp_path / "segments.yaml")
    asyncio.run(found.create())
    yield found
    found.end()


def call(customer: str, at_ms: int, event: str, **more: Any) -> tuple[bytes, bytes]:
    at = rfc3339(at_ms)
    said = {"type": "track", "event": event, "userId": customer, "messageId": f"{event}{at_ms}"}
    stamps = dict.fromkeys(("originalTimestamp", "sentAt", "receivedAt"), at)
    return customer.encode(), json.dumps({**said, **stamps, **more}).encode()


def story(customer: str, at_ms: int) -> list[tuple[bytes, bytes]]:
    agreed = {"consent": {"categoryPreferences": {"Marketing": True}}}
    cart = {"product_id": "p", "quantity": 1}
    updated = "Segment Consent Preference Updated"
    return [
        call(customer, at_ms, updated, context=agreed),
        call(customer, at_ms + 1_000, "Product Added", properties=cart),
        call(customer, at_ms + 2_000, "Unsubscribed", properties={}),
        call(customer, at_ms + 3_000, "Order Completed", properties={"order_id": customer}),
    ]


def test_the_topic_of_actions_carries_what_the_log_gives(pipeline: Pipeline) -> None:
    customers = [f"c{n}" for n in range(20)]
    begun_ms = int(time.time() * 1000) - 60_000
    pipeline.work()
    events = [call for customer in customers for call in story(customer, begun_ms)]
    asyncio.run(pipeline.send_keyed(events, history_ends=True))
    asyncio.run(pipeline.until(pipeline.at_clock(begun_ms + 3_000)))
    pipeline.stop_workers()
    told = [json.loads(record.value) for record in asyncio.run(pipeline.read("actions"))]
    replay = LogReplay(EngineSettings())
    replay.keep_actions = True
    for partition, records in asyncio.run(pipeline.log()).items():
        replay.apply(partition, records)
    replayed = [json.loads(encode_action(turned, "shop")) for turned in replay.actions]
    assert sorted(told, key=lambda one: one["id"]) == sorted(replayed, key=lambda one: one["id"])
    for customer in customers:
        mine = [one for one in told if one["subject"] == customer]
        assert [(one["type"], one["data"]["segment"], one["data"]["reason"]) for one in mine] == [
            ("shoal.action.started", "cart", None),
            ("shoal.action.withdrawn", "cart", "consent"),
            ("shoal.action.started", "buyer", None),
        ]
