"""`shoal segments readiness` of a live topic, on the embedded broker and on a real one."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from stream.cli import main as cli
from stream.clock import rfc3339
from stream.shell.embedded import EmbeddedBroker
from tests.kafka.fixtures import shared_broker
from tests.kafka.installation import Installation, event, until

START_MS = 1_767_571_200_000

real = pytest.mark.kafka
embedded = pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker there")


@pytest.fixture(
    params=[pytest.param("kafka", marks=real), pytest.param("embedded", marks=embedded)]
)
def place(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    if request.param == "kafka":
        found = Installation(shared_broker())
        told(monkeypatch, found)
        yield found
    else:
        with EmbeddedBroker() as broker:
            found = Installation(broker)  # type: ignore[arg-type]
            told(monkeypatch, found)
            yield found


def told(monkeypatch: pytest.MonkeyPatch, place: Installation) -> None:
    """Tell this process where the installation is, and nothing of its partitions."""
    monkeypatch.setenv("SHOAL_BROKER", place.settings.broker)
    monkeypatch.setenv("SHOAL_TOPIC_PREFIX", place.settings.topic_prefix)
    monkeypatch.delenv("SHOAL_PARTITIONS", raising=False)


async def keep(place: Installation, key: bytes, value: bytes) -> None:
    """Write to the reference topic, which is compacted: its records have keys."""
    producer = AIOKafkaProducer(bootstrap_servers=place.settings.broker)
    await producer.start()
    try:
        await producer.send_and_wait(place.topic("reference"), value, key=key)
    finally:
        await producer.stop()


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert cli.main(["segments", "readiness", *words, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    found: dict[str, Any] = json.loads(captured.out)
    return found


async def test_a_topic_is_told_of_as_a_file_of_the_same_events_is(
    place: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    lines = [event(f"c{n % 9}", n, START_MS + n) for n in range(60)]
    lines += [event("c1", 60 + n, START_MS + 60 + n, "Order Completed") for n in range(5)]
    lines.append(b"nonsense")
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(lines))
    await place.create()
    await place.send("events", lines)
    live = await asyncio.to_thread(asked, capsys)
    file = asked(capsys, str(path))
    assert live.pop("topic") == {"name": place.topic("events"), "retained": 66}
    assert live == file
    assert (live["events"], live["lines"], live["rejected"]) == (65, 66, {"not_json": 1})
    assert live["from"] == rfc3339(START_MS)


async def test_products_come_from_the_reference_topic(
    place: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    order = json.loads(event("c", 1, START_MS, "Order Completed"))
    order["properties"] = {"order_id": "1", "products": [{"product_id": "a", "price": 3}]}
    shop = tmp_path / "shop.yaml"
    shop.write_text("- {name: x, purpose: p, enter: orders.discount_share > 0.5}", "utf-8")
    await place.create()
    await place.send("events", [json.dumps(order).encode()])
    words = ("--segments", str(shop))
    before = await asyncio.to_thread(asked, capsys, *words)
    await keep(place, b"product/a", b'{"type": "product", "id": "a", "list_price": 5}')
    after = await asyncio.to_thread(asked, capsys, *words)
    verdicts = [found["definitions"][0]["verdict"] for found in (before, after)]
    assert verdicts == ["blind", "works"]


async def test_what_came_before_an_instant_is_left_out(
    place: Installation, capsys: pytest.CaptureFixture[str]
):
    await place.create()
    await place.send("events", [event("c", n, START_MS + n) for n in range(40)])
    newest_ms = max(record.timestamp for record in await place.read("events"))
    await until(lambda: time.time_ns() // 1_000_000 > newest_ms + 1)
    late = [event("c", n, START_MS + n, "Order Completed") for n in range(40, 52)]
    await place.send("events", late)
    since = rfc3339(newest_ms + 1)
    found = await asyncio.to_thread(asked, capsys, "--from", since)
    assert [(each["event"], each["count"]) for each in found["carried"]] == [
        ("Order Completed", 12)
    ]
    assert found["topic"]["retained"] == 52


@real
async def test_the_newest_are_taken_of_each_partition(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    place = Installation(shared_broker())
    told(monkeypatch, place)
    await place.create()
    await place.send("events", [event("c", n, START_MS + n) for n in range(80)])
    found = await asyncio.to_thread(asked, capsys, "--newest", "10")
    assert (found["lines"], found["topic"]["retained"]) == (12, 80)
    assert found["from"] == rfc3339(START_MS + 68)
    assert (await asyncio.to_thread(asked, capsys, "--newest", "0"))["lines"] == 80


async def test_an_empty_topic_and_none_are_told_apart(
    place: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    words = ["segments", "readiness"]
    assert await asyncio.to_thread(cli.main, words) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert f"there is no topic {place.topic('events')}" in said
    assert "SHOAL_EVENTS_TOPIC" in said
    await place.create()
    assert await asyncio.to_thread(cli.main, words) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "there is no event of a customer; send some, or look further back" in said


async def test_the_table_says_how_much_was_looked_at(
    place: Installation, capsys: pytest.CaptureFixture[str]
):
    await place.create()
    await place.send("events", [event("c", n, START_MS + n) for n in range(8)])
    assert await asyncio.to_thread(cli.main, ["segments", "readiness"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"8 of 8 records that {place.topic('events')} retains; 8 events, " in said
