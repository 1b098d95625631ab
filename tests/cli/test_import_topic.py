import asyncio
import json
import socket
import sys
import zlib
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic

from stream.cli import main as cli
from stream.shell.connection import new_admin, new_reader
from stream.shell.embedded import EmbeddedBroker
from stream.shell.settings import Settings

PARTITIONS = 3
MAP = """\
columns: {customer: who, amount: paid, time: when}
time: {format: iso, zone: UTC}
row: order
"""
embedded = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(MAP, encoding="utf-8")
    rows = [f"c{number % 7},{number},2026-01-{1 + number % 28:02d}" for number in range(200)]
    (tmp_path / "orders.csv").write_text("\n".join(["who,paid,when", *rows]), encoding="utf-8")
    return tmp_path


def imported(folder: Path, broker: str, *words: str) -> int:
    files = [str(folder / "orders.csv"), "--map", str(folder / "shop.yaml")]
    return cli.main(["import", *files, "--to", "kafka", "--broker", broker, *words])


async def make_topic(settings: Settings) -> None:
    admin = new_admin(settings)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("events", PARTITIONS, 1)])
    finally:
        await admin.close()


async def read_topic(settings: Settings, count: int) -> list[list[tuple[bytes | None, bytes]]]:
    """Key and value of every record, by partition; `count` must come, and no more may follow.

    The embedded broker's end offset is not the end, so it is not asked for.
    """
    reader = new_reader(settings)
    await reader.start()
    try:
        reader.assign([TopicPartition("events", number) for number in range(PARTITIONS)])
        found: list[list[tuple[bytes | None, bytes]]] = [[] for _ in range(PARTITIONS)]
        for _ in range(count):
            record = await asyncio.wait_for(reader.getone(), timeout=10)
            found[record.partition].append((record.key, record.value))
        assert await reader.getmany(timeout_ms=200) == {}
        return found
    finally:
        await reader.stop()


@embedded
def test_each_customers_history_is_in_one_partition_in_time_order_and_says_where_it_ends(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    with EmbeddedBroker() as broker:
        settings = Settings(broker=broker.address)
        asyncio.run(make_topic(settings))
        assert imported(shop, broker.address, "--json") == 0
        found = asyncio.run(read_topic(settings, 200 + PARTITIONS))
    assert json.loads(capsys.readouterr().err)["events"] == 200
    for partition, records in enumerate(found):
        *events, (key, last) = records
        assert (key, json.loads(last)) == (None, {"type": "history_ends"})
        decoded = [json.loads(value) for _, value in events]
        assert [event["userId"].encode() for event in decoded] == [key for key, _ in events]
        assert {zlib.crc32(key or b"") % PARTITIONS for key, _ in events} <= {partition}
        times = [event["timestamp"] for event in decoded]
        assert times == sorted(times)


@embedded
def test_when_more_history_follows_its_end_is_not_told(shop: Path):
    with EmbeddedBroker() as broker:
        settings = Settings(broker=broker.address)
        asyncio.run(make_topic(settings))
        assert imported(shop, broker.address, "--no-history-ends") == 0
        found = asyncio.run(read_topic(settings, 200))
    values = [value for records in found for _, value in records]
    assert not any(b"history_ends" in value for value in values)


@embedded
def test_a_topic_that_is_not_there_is_said_at_once(shop: Path, capsys: pytest.CaptureFixture[str]):
    with EmbeddedBroker() as broker:
        assert imported(shop, broker.address) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "topic 'events' after 0 events: the broker" in said
    assert "shoal topics create" in said


def test_no_broker_is_said_in_one_line(shop: Path, capsys: pytest.CaptureFixture[str]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert imported(shop, address) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "after 0 events" in said


@embedded
def test_late_history_goes_into_partitions_of_its_own(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    with EmbeddedBroker() as broker:
        settings = Settings(broker=broker.address)
        asyncio.run(make_topic(settings))
        assert imported(shop, broker.address, "--from-partition", "1") == 0
        found = asyncio.run(read_topic(settings, 200 + PARTITIONS - 1))
        assert imported(shop, broker.address, "--from-partition", "3") == 2
    assert found[0] == []
    for number, records in enumerate(found[1:]):
        assert records[-1][0] is None
        assert {zlib.crc32(key or b"") % 2 for key, _ in records[:-1]} == {number}
    assert "has 3 partitions; name a lower --from-partition" in capsys.readouterr().err
