from __future__ import annotations

import asyncio
import gzip
import json
import sys
import zlib
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic

from stream.cli.main import main
from stream.cli.simulate import FIRST_MS
from stream.cli.simulate_output import Tally
from stream.clock import instant_ms
from stream.shell.connection import new_admin, new_reader
from stream.shell.embedded import EmbeddedBroker
from stream.shell.settings import Settings
from stream.simulation.pacing import at_rate, released
from stream.simulation.traffic import TrafficConfig, generate

SMALL = ["simulate", "--customers", "40", "--days", "1", "--seed", "3"]
PARTITIONS = 3


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def summary_of(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().err)


def test_traffic_truth_and_reference_go_to_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out, truth, reference = (tmp_path / f"{name}.jsonl" for name in ("o", "t", "r"))
    files = ["--out", str(out), "--truth", str(truth), "--reference", str(reference)]
    assert main([*SMALL, *files, "--json"]) == 0
    events, summary = lines(out), summary_of(capsys)
    assert summary["events"] == len(events) > 100
    assert sum(summary["kinds"].values()) == len(events)
    assert summary["seed"] == 3
    assert summary["from"] == "2026-01-05T00:00:00.000Z"
    assert [line["customer"] for line in lines(truth)] == list(range(40))
    assert {line["type"] for line in lines(reference)} == {"product", "variant"}
    received = [event["receivedAt"] for event in events]
    assert received == sorted(received)


def test_the_same_command_gives_the_same_bytes_packed_or_not(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
):
    plain, packed, again = (tmp_path / name for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl.gz"))
    for path in (plain, packed, again):
        assert main([*SMALL, "--out", str(path)]) == 0
    assert main(SMALL) == 0
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert packed.read_bytes() == again.read_bytes()
    assert capsysbinary.readouterr().out == plain.read_bytes()


def test_faults_are_counted_in_the_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    faults = ["--duplicates", "0.05", "--late", "0.05", "--malformed", "0.05"]
    out = str(tmp_path / "out.jsonl")
    assert main([*SMALL, *faults, "--out", out, "--json"]) == 0
    found = summary_of(capsys)["faults"]
    assert {fault.partition(":")[0] for fault in found} == {"duplicate", "late", "malformed"}


def test_a_start_moves_the_whole_shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out.jsonl"
    start = "2026-11-02T06:00:00+01:00"
    assert main([*SMALL, "--start", start, "--out", str(out), "--json"]) == 0
    times = [instant_ms(event["receivedAt"]) for event in lines(out)]
    assert instant_ms(start) <= min(times)
    assert max(times) < instant_ms(start) + 86_400_000
    assert summary_of(capsys)["from"] == "2026-11-02T05:00:00.000Z"


def test_the_summary_for_people_names_events_and_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main([*SMALL, "--out", str(tmp_path / "out.jsonl")]) == 0
    text = capsys.readouterr().err
    assert "Product Viewed" in text
    assert "bytes on average" in text


EMPTY = ["simulate", "--customers", "5", "--days", "0.001"]


def test_a_shop_without_an_event_says_so_and_what_to_ask_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out.jsonl"
    assert main([*EMPTY, "--out", str(out)]) == 0
    assert out.read_bytes() == b""
    closing = capsys.readouterr().err.splitlines()[-1]
    assert closing == "done: no event in that time; ask for more --customers or --days"
    assert main([*SMALL, "--out", str(out)]) == 0
    assert capsys.readouterr().err.replace("\n", "").endswith(f"done: written to {out}")


async def test_an_event_that_waits_for_its_time_is_not_counted_nor_one_on_its_way():
    config = TrafficConfig(seed=3, customers=40, start_ms=FIRST_MS, days=1)
    tally = Tally(config)
    events = tally.received(generate(config), FIRST_MS)

    async def no_sleep(_: float) -> None: ...

    chunks = tally.counted(released(events, at_rate(1.0), lambda: 0.0, no_sleep))
    for before in range(3):
        assert len(await anext(chunks)) == 1
        assert tally.event_count == before
    await chunks.aclose()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--rate", "0"], "--rate 0 is not above 0"),
        (["--rate", "5", "--speed", "2"], "two paces"),
        (["--rate", "500", "--customers", "10"], "20,001 customers"),
        (["--to", "kafka", "--out", "x"], "two places"),
        (["--start", "yesterday"], "RFC 3339"),
        (["--late", "2"], "late 2.0"),
        (["--customers", "0"], "0 customers"),
        (["--out", "no/such/folder/x"], "cannot write"),
        (["--truth", "no/such/folder/x"], "cannot write"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["simulate", *words]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


async def make_topic(settings: Settings) -> None:
    admin = new_admin(settings)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("events", PARTITIONS, 1)])
    finally:
        await admin.close()


async def read_topic(settings: Settings) -> list[tuple[int, bytes, bytes]]:
    """Partition, key and value of every record."""
    reader = new_reader(settings)
    await reader.start()
    try:
        places = [TopicPartition("events", number) for number in range(PARTITIONS)]
        reader.assign(places)
        ends = await reader.end_offsets(places)
        await reader.seek_to_beginning(*places)
        found = []
        while len(found) < sum(ends.values()):
            batches = await asyncio.wait_for(reader.getmany(timeout_ms=1_000), timeout=10)
            found += [(r.partition, r.key, r.value) for batch in batches.values() for r in batch]
        return found
    finally:
        await reader.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="the embedded broker has no Windows build")
def test_traffic_goes_to_the_topic_by_its_own_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "out.jsonl"
    start = ["--start", "2026-03-02T00:00:00Z"]
    assert main([*SMALL, *start, "--out", str(out)]) == 0
    with EmbeddedBroker() as broker:
        monkeypatch.setenv("SHOAL_BROKER", broker.address)
        settings = Settings(broker=broker.address)
        asyncio.run(make_topic(settings))
        capsys.readouterr()
        assert main([*SMALL, *start, "--to", "kafka", "--json"]) == 0
        found = asyncio.run(read_topic(settings))
    assert sorted(value for _, _, value in found) == sorted(out.read_bytes().splitlines())
    assert summary_of(capsys)["events"] == len(found)
    for partition, key, value in found:
        event = json.loads(value)
        assert key.decode() == event.get("userId", event.get("anonymousId"))
        assert partition == zlib.crc32(key) % PARTITIONS


def test_a_broker_that_is_not_there_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SHOAL_BROKER", "127.0.0.1:1")
    assert main([*SMALL, "--to", "kafka"]) == 1
    assert "127.0.0.1:1" in capsys.readouterr().err
