"""A live shop grows from 4 partitions to 8, and gets a history that it did not have.

By a new run beside the one that serves, and a switch.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewPartitions

from stream.clock import DAY_MS, rfc3339
from stream.engine.meta import ERASED_PREFIX
from stream.engine.run_mark import RUN_KEY, RUN_SEQUENCES
from stream.engine.settings import EngineSettings
from stream.events.cloudevent import encode_action
from stream.events.envelope import HISTORY_ENDS
from stream.events.partitioner import partition_of
from stream.events.records import Erase, Markers, decode_record, encode_record
from stream.shell.connection import new_admin
from stream.shell.run_start import begin
from stream.shell.run_switch import switch
from stream.shell.runs import RunsError, former_run
from stream.shell.topic_admin import TopicsError, create_topics, require_topics
from stream.simulation.offline import LogReplay
from tests.kafka.broker import Broker
from tests.kafka.installation import until
from tests.kafka.pipeline import Pipeline

pytestmark = pytest.mark.kafka

_AGAIN = re.compile("try again|switch again")

SEGMENTS = """
consent_default: allow
segments:
  - {name: buyer, purpose: p, enter: orders.count >= 1}
  - {name: twice, purpose: p, enter: orders.count >= 2}
  - {name: filled_cart, purpose: p, enter: cart.items > 0}
  - {name: asked, purpose: p, enter: trait("ask") and orders.count <= 0,
     action: {channels: [email], consent: marketing, message: m, enabled: true}}
  - {name: quiet, purpose: p, enter: trait("vip"),
     action: {kind: suppress, channels: [ads], purpose: own, enabled: true}}
"""
NAMES = ("Product Viewed", "Product Added", "Order Completed", "Product Added")
CUSTOMERS = 60
COUNT = 3_000

Event = tuple[str, str]
"""Who, and what."""


def shopping() -> list[Event]:
    return [(f"c-{n * n % CUSTOMERS}", NAMES[n * 7 % 11 % 4]) for n in range(COUNT)]


def encoded(events: list[Event], begin_ms: int, kind: str = "m") -> list[tuple[bytes, bytes]]:
    return [
        (
            customer.encode(),
            json.dumps(
                {
                    "type": "track", "messageId": f"{kind}-{n}", "userId": customer, "event": name,
                    "timestamp": rfc3339(begin_ms + 10 * n),
                    "properties": {"product_id": "P1", "price": 9.5, "order_id": f"{kind}{n}"},
                }
            ).encode(),
        )
        for n, (customer, name) in enumerate(events)
    ]  # fmt: skip


def identified(customer: str, at_ms: int, **traits: bool) -> tuple[bytes, bytes]:
    said = {"type": "identify", "messageId": f"{customer}-{at_ms}", "userId": customer}
    return (
        customer.encode(),
        json.dumps({**said, "timestamp": rfc3339(at_ms), "traits": traits}).encode(),
    )


def asking(at_ms: int) -> list[tuple[bytes, bytes]]:
    """Two are sent a message, of whom one has bought already, and one is left alone."""
    traits = {"m-still": "ask", "m-bought": "ask", "s-still": "vip"}
    return [identified(customer, at_ms, **{name: True}) for customer, name in traits.items()]


def asking_no_more(at_ms: int) -> list[tuple[bytes, bytes]]:
    return [identified("m-still", at_ms, ask=False), identified("s-still", at_ms, vip=False)]


def expected(events: list[Event]) -> dict[str, set[str]]:
    """Who is in which segments after these events, counted by hand."""
    orders: dict[str, int] = defaultdict(int)
    carts: dict[str, int] = defaultdict(int)
    for customer, name in events:
        if name == "Order Completed":
            orders[customer] += 1
            carts[customer] = 0
        elif name == "Product Added":
            carts[customer] += 1
    found: dict[str, set[str]] = defaultdict(set)
    for customer, count in orders.items():
        found[customer] |= {"buyer", "twice"} if count >= 2 else {"buyer"} if count else set()
    for customer, items in carts.items():
        found[customer] |= {"filled_cart"} if items else set()
    return {customer: segments for customer, segments in found.items() if segments}


def followed(changes: list[dict[str, Any]]) -> dict[str, set[str]]:
    """What a reader knows who follows the changes; each turns what it knew, and once."""
    assert len({change["id"] for change in changes}) == len(changes)
    held: dict[str, set[str]] = defaultdict(set)
    latest: dict[str, int] = defaultdict(int)
    # A customer's changes are in one partition in their order, before the growth and after it.
    for change in sorted(changes, key=lambda one: int(one["sequence"])):
        customer, segment = change["subject"], change["data"]["segment"]
        assert int(change["sequence"]) > latest[customer]
        latest[customer] = int(change["sequence"])
        entered = change["type"].endswith(".entered")
        assert entered == (segment not in held[customer]), change
        held[customer] ^= {segment}
        assert held[customer] == set(change["data"]["segments"])
    return {customer: segments for customer, segments in held.items() if segments}


@pytest.fixture
def shop(kafka: Broker, tmp_path: Path) -> Iterator[tuple[Pipeline, Pipeline]]:
    """The installation with 4 partitions, and the same as it is to be."""
    segments = tmp_path / "segments.yaml"
    segments.write_text(SEGMENTS, encoding="utf-8")
    former = Pipeline(kafka)
    grown = Pipeline(kafka)
    grown.settings = dataclasses.replace(
        former.settings, incarnation="2", partitions=8, events_partitions=6
    )
    former.variables = {"SHOAL_SEGMENTS": str(segments), "SHOAL_CLUSTERS": "off"}
    grown.variables = {
        **former.variables, "SHOAL_INCARNATION": "2", "SHOAL_EVENTS_PARTITIONS": "6"
    }  # fmt: skip
    try:
        yield former, grown
    finally:
        former.end()
        grown.end()


async def done_at_last(place: Pipeline, action: str, tries: int = 5) -> str:
    """Run a command, again where a busy broker does not answer: it goes on where it was."""
    for _ in range(tries - 1):
        try:
            return await asyncio.to_thread(place.shoal, "rebuild", action)
        except AssertionError as error:
            if not _AGAIN.search(str(error)):
                raise
    return await asyncio.to_thread(place.shoal, "rebuild", action)


async def add_history(place: Pipeline, raw: list[tuple[bytes, bytes]]) -> None:
    """Give the raw topic two more partitions, and write what is old there."""
    topic = place.topic("events")
    admin = new_admin(place.settings)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(total_count=6)})
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=place.settings.broker)
    await producer.start()
    try:

        async def is_there() -> bool:
            await producer.client.force_metadata_update()
            return len(await producer.partitions_for(topic)) == 6

        await until(is_there)
        for key, value in raw:
            await producer.send_and_wait(topic, value, key, partition=4 + partition_of(key, 2))
        marker = json.dumps({"type": HISTORY_ENDS}).encode()
        for partition in (4, 5):
            await producer.send_and_wait(topic, marker, partition=partition)
    finally:
        await producer.stop()


async def test_partitions_grow_under_load_and_readers_miss_nothing(shop):
    former, grown = shop
    await former.create()
    events = shopping()
    now_ms = int(time.time() * 1000)
    raw = asking(now_ms - 60_000) + encoded(events, now_ms - 60_000) + asking_no_more(now_ms)
    old = former.work()
    await former.send_keyed(raw[:1_000], history_ends=False)
    await former.until(former.routed(1_000))
    # Of customers whom the shop has seen since, and of others.
    past = [(f"{who}-{n}", "Order Completed") for n in range(20) for who in ("c", "h", "h")]
    past.append(("m-bought", "Order Completed"))
    await add_history(former, encoded(past, now_ms - 3 * DAY_MS, "past"))
    assert "may begin" in await done_at_last(grown, "start")
    new = grown.work()

    async def feed() -> None:
        for at in range(1_000, 2_500, 100):
            await former.send_keyed(raw[at : at + 100], history_ends=False)
            await asyncio.sleep(0.05)

    feeding = asyncio.create_task(feed())
    await grown.until(grown.routed(1_000 + len(past) + 2))
    await until(lambda: "catching up" in grown.shoal("rebuild", "status"))
    before = len(await former.changes())
    assert "incarnation 2 serves" in await done_at_last(grown, "switch")
    assert old.wait() == 1
    assert "incarnation 1 has ended, 2 serves in its place" in old.log
    await feeding
    await former.send_keyed(raw[2_500:], history_ends=False)
    await grown.until(grown.routed(len(raw) + len(past) + 2))

    wanted = expected(past + events)

    async def arrived() -> bool:
        return await _memberships(grown) == wanted

    await until(arrived)
    changes = await grown.changes()
    assert len(changes) > before
    assert followed(changes) == wanted
    known = [c for c in changes if c["data"]["cause"] == "definition"]
    assert {c["subject"] for c in known} >= {f"h-{n}" for n in range(20)}
    assert all(c["data"]["historic"] and not c["data"]["action"] for c in known)
    await until(lambda: _has_withdrawn_all(grown))
    assert new.terminate() == 0, new.log
    await _check_actions(grown)
    refused = former.work()
    assert refused.wait() == 1
    assert "has 6 partitions, the settings say 4" in refused.log


async def _memberships(grown: Pipeline) -> dict[str, set[str]]:
    """As readers have them: each customer's in one partition, the one of the new run."""
    latest = {(r.partition, r.key): r.value for r in await grown.read("memberships")}
    found = {key: (p, value) for (p, key), value in latest.items() if value is not None}
    assert len(found) == sum(value is not None for value in latest.values())
    assert all(p == partition_of(key, 8) for key, (p, _) in found.items())
    return {k.decode(): set(json.loads(v)["segments"]) for k, (_, v) in found.items()}


async def _actions(grown: Pipeline) -> list[dict[str, Any]]:
    found = [json.loads(record.value) for record in await grown.read("actions")]
    return sorted(found, key=lambda one: int(one["sequence"]))


async def _has_withdrawn_all(grown: Pipeline) -> bool:
    ends = [one for one in await _actions(grown) if one["type"] == "shoal.action.withdrawn"]
    return len(ends) >= 3


async def _check_actions(grown: Pipeline) -> None:
    """What the former run started the new one ends, once, and its log gives the same."""
    told = await _actions(grown)
    ends = {"m-still": "exited", "m-bought": "definition", "s-still": "exited"}
    for customer, reason in ends.items():
        start, end = [one for one in told if one["subject"] == customer]
        assert (start["type"], end["type"]) == ("shoal.action.started", "shoal.action.withdrawn")
        assert (end["data"]["of"], end["data"]["reason"]) == (start["id"], reason)
    assert len(told) == 2 * len(ends)
    replay = LogReplay(EngineSettings(incarnation="2"))
    replay.keep_actions = True
    for partition, records in (await grown.log()).items():
        replay.apply(partition, records)
    replayed = [json.loads(encode_action(turned, "shop")) for turned in replay.actions]
    since = [one for one in told if int(one["sequence"]) > RUN_SEQUENCES]
    assert len(since) == len(ends)
    assert all(one in replayed for one in since)


async def test_a_run_is_begun_beside_another_in_one_way_and_in_its_order(shop):
    former, grown = shop
    grown.settings = dataclasses.replace(grown.settings, events_partitions=4)
    await former.create()
    with pytest.raises(TopicsError, match=r"incarnation 1 is on this broker.*shoal rebuild start"):
        await create_topics(grown.settings)
    with pytest.raises(TopicsError, match=r"incarnation 1 is on this broker"):
        await require_topics(grown.settings)
    for name in ("1", "blue"):
        with pytest.raises(RunsError, match="needs a whole number above"):
            await begin(dataclasses.replace(former.settings, incarnation=name))
    await begin(grown.settings)
    await require_topics(grown.settings)
    serving = await former_run(grown.settings)
    assert serving is not None
    assert (serving.incarnation, serving.partitions) == ("1", 4)
    with pytest.raises(RunsError, match="has not begun in 8 partitions; start its workers"):
        await switch(grown.settings, serving, 1.0, print)


async def test_who_was_erased_is_known_to_a_new_run_by_its_own_log(shop):
    """By markers that the former run has, and requests that it has not folded yet."""
    former, grown = shop
    grown.settings = dataclasses.replace(grown.settings, events_partitions=4)
    await former.create()
    digest, marker = b"d" * 16, b"as the former run packed it"
    asked = Erase(time_ms=0, received_ms=5, request="r", refuses=True)
    producer = AIOKafkaProducer(bootstrap_servers=former.settings.broker)
    await producer.start()
    try:
        changelog, log = former.topic("customers-changelog"), former.topic("customer-events")
        await producer.send_and_wait(changelog, marker, key=ERASED_PREFIX + digest, partition=3)
        taken = await producer.send_and_wait(log, encode_record(asked), key=b"kim", partition=1)
    finally:
        await producer.stop()
    await begin(grown.settings)
    first: dict[int, list[Any]] = defaultdict(list)
    for record in await grown.read("customer-events"):
        first[record.partition].append((record.key, decode_record(record.value)))
    assert first.keys() == set(range(8))
    assert all(found[0] == (None, Markers(packed={digest: marker})) for found in first.values())
    erased = msgspec.structs.replace(asked, time_ms=taken.timestamp)
    assert {p: found[1:] for p, found in first.items() if found[1:]} == {
        partition_of(b"kim", 8): [(b"kim", erased)]
    }
    assert not [r for r in await grown.read("customers-changelog") if r.key != RUN_KEY]
