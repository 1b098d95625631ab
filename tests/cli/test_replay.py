"""`shoal replay`: what goes in, what comes out, and how it says what is wrong."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from stream.clock import rfc3339
from stream.simulation.traffic import TrafficConfig, generate
from tests.cli.dumps import dump, dump_snapshot
from tests.engine.recorded import recording
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS

SEGMENTS = """\
segments:
  - name: buyer
    purpose: To thank.
    enter: orders.count >= 1
  - name: quiet
    purpose: To ask.
    enter: since(seen.last) >= 1 * HOUR
"""


def call(at_ms: int, event: str, customer: str = "c", **properties: Any) -> str:
    at = rfc3339(at_ms)
    return json.dumps(
        {
            "type": "track", "event": event, "userId": customer, "messageId": f"{event}{at_ms}",
            "originalTimestamp": at, "sentAt": at, "receivedAt": at, "properties": properties,
        }
    )  # fmt: skip


def ordered(at_ms: int, customer: str = "c", revenue: float = 10.0) -> str:
    return call(at_ms, "Order Completed", customer, order_id=f"{customer}{at_ms}", revenue=revenue)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "segments.yaml").write_text(SEGMENTS, encoding="utf-8")
    events = [ordered(START_MS + HOUR, "b"), ordered(START_MS, "a"), "{broken"]
    (tmp_path / "events.jsonl").write_text("\n".join(events) + "\n\n", encoding="utf-8")
    return tmp_path


def replayed(folder: Path, *words: str, files: tuple[str, ...] = ("events.jsonl",)) -> int:
    paths = [str(folder / name) if name != "-" else "-" for name in files]
    return cli.main(
        ["replay", *paths, "--segments", str(folder / "segments.yaml"),
         "--changes", str(folder / "changes.jsonl"), "--members", str(folder / "members.jsonl"),
         *words]
    )  # fmt: skip


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def turns(folder: Path) -> list[tuple[str, str, str, str]]:
    return [
        (c["subject"], c["data"]["segment"], c["type"].rpartition(".")[2], c["time"])
        for c in lines(folder / "changes.jsonl")
    ]


def test_events_are_replayed_in_the_order_of_their_time(shop: Path):
    assert replayed(shop) == 0
    assert turns(shop) == [
        ("a", "buyer", "entered", "2026-03-02T00:00:00.000Z"),
        ("b", "buyer", "entered", "2026-03-02T01:00:00.000Z"),
        ("a", "quiet", "entered", "2026-03-02T01:00:00.000Z"),
    ]


def test_a_change_is_a_cloud_event_with_the_names_of_the_contract(shop: Path):
    replayed(shop, "--shop", "toys")
    change = lines(shop / "changes.jsonl")[0]
    assert change["specversion"] == "1.0"
    assert (change["source"], change["type"]) == ("/shoal/toys", "shoal.segment.entered")
    assert (change["subject"], change["sequence"]) == ("a", "1")
    assert change["datacontenttype"] == "application/json"
    assert {
        "customer": "a", "segment": "buyer", "cause": "event", "next_flip": None,
        "segments": ["buyer"], "historic": False, "initial": False, "control": False,
        "valid_until": "2026-03-09T00:00:00.000Z", "action": {},
        "evidence": [
            {"leaf": "orders.count >= 1", "before": None, "after": True, "value": 1}
        ],
    }.items() <= change["data"].items()  # fmt: skip
    assert change["data"]["definition"]


def test_members_are_by_customer_with_since(shop: Path):
    replayed(shop, "--until", "2026-03-02T06:00:00Z")
    found = [(m["customer"], m["segments"], m["since"]) for m in lines(shop / "members.jsonl")]
    assert found == [
        (
            "a",
            ["buyer", "quiet"],
            {"buyer": "2026-03-02T00:00:00.000Z", "quiet": "2026-03-02T01:00:00.000Z"},
        ),
        (
            "b",
            ["buyer", "quiet"],
            {"buyer": "2026-03-02T01:00:00.000Z", "quiet": "2026-03-02T02:00:00.000Z"},
        ),
    ]


def test_until_advances_every_customer_to_it(shop: Path):
    replayed(shop, "--until", "2026-03-02T01:59:59.999Z")
    assert len(turns(shop)) == 3
    replayed(shop, "--until", "2026-03-02T02:00:00Z")
    assert turns(shop)[3:] == [("b", "quiet", "entered", "2026-03-02T02:00:00.000Z")]


def test_inputs_are_merged_by_time_then_file_then_line(shop: Path):
    """Two orders of one instant: the first file's one is the first."""
    first = [ordered(START_MS + MINUTE, "x"), ordered(START_MS, "c", 1)]
    second = [ordered(START_MS, "d", 1), ordered(START_MS, "b", 1)]
    (shop / "1.jsonl").write_text("\n".join(first), encoding="utf-8")
    with gzip.open(shop / "2.jsonl.gz", "wt", encoding="utf-8") as packed:
        packed.write("\n".join(second))
    replayed(shop, files=("1.jsonl", "2.jsonl.gz"))
    assert [turn[0] for turn in turns(shop)] == ["c", "d", "b", "x"]


def test_events_come_from_standard_input(shop: Path, monkeypatch: pytest.MonkeyPatch):
    with (shop / "events.jsonl").open() as events:
        monkeypatch.setattr("sys.stdin", events)
        assert replayed(shop, files=("-",)) == 0
    assert len(turns(shop)) == 3


def test_the_summary_counts_every_line(shop: Path, capsys: pytest.CaptureFixture[str]):
    replayed(shop, "--json")
    summary = json.loads(capsys.readouterr().out)
    assert (summary["lines"], summary["applied"], summary["changes"]) == (3, 2, 3)
    assert summary["rejected"] == {"not_json": 1}
    assert summary["rejected_examples"][0].startswith(f"{shop}/events.jsonl:3: ")
    assert summary["members"] == {"buyer": 2, "quiet": 1}
    assert summary["changes_by_segment"] == {"buyer entered": 2, "quiet entered": 1}
    assert summary["clock"] == "2026-03-02T01:00:00.000Z"
    ends = ("applied", "duplicate", "forwarded", "control", "dead")
    assert summary["consumed"] == sum(summary[end] for end in ends)


def test_the_summary_for_people_goes_to_stderr(shop: Path, capsys: pytest.CaptureFixture[str]):
    replayed(shop)
    said = capsys.readouterr()
    assert said.out == ""
    assert "quiet" in said.err
    assert "rejected: not_json" in said.err


def test_without_segments_it_is_the_built_in_pack(shop: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["replay", str(shop / "events.jsonl"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["members"] == {
        "light_user": 2, "new_customer": 2}  # fmt: skip


def test_an_event_with_a_number_beyond_64_bits_is_rejected_and_the_rest_goes_on(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    dear = call(START_MS, "Order Completed", products=[{"price": 9e9, "quantity": 1_000_000}] * 9)
    (shop / "dear.jsonl").write_text(f"{dear}\n{ordered(START_MS + 1)}\n", encoding="utf-8")
    assert replayed(shop, "--json", files=("dear.jsonl",)) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["rejected"], summary["applied"]) == ({"out_of_range": 1}, 1)


@pytest.mark.parametrize(
    ("words", "files", "says"),
    [
        (("--until", "soon"), ("events.jsonl",), "--until: 'soon' is not an RFC 3339 time"),
        ((), ("absent.jsonl",), "absent.jsonl"),
        ((), ("torn.jsonl.gz",), "cannot read"),
        ((), ("broken.jsonl.gz",), "cannot read"),
        (("--changes", "/nowhere/c.jsonl"), ("events.jsonl",), "cannot write /nowhere/c.jsonl"),
        (("--segments", "wrong.yaml"), ("events.jsonl",), "wrong.yaml:1: segments.0.enter: "),
        (("--segments", "absent.yaml"), ("events.jsonl",), "cannot read absent.yaml"),
        (("--reference", "events.jsonl"), ("events.jsonl",), "events.jsonl:1: "),
        (("--log",), ("events.jsonl",), "events.jsonl:1: "),
    ],
)
def test_what_cannot_be_read_or_written_is_said_and_ends_with_2(
    shop: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    files: tuple[str, ...],
    says: str,
):
    monkeypatch.chdir(shop)
    packed = gzip.compress(ordered(START_MS).encode() * 100)
    Path("torn.jsonl.gz").write_bytes(packed[:-20])
    Path("broken.jsonl.gz").write_bytes(packed[:20] + b"\xff" * 30 + packed[50:])
    Path("wrong.yaml").write_text("[{name: a, purpose: p, enter: cart.itms > 0}]")
    assert replayed(shop, *words, files=files) == 2
    assert says in capsys.readouterr().err


def test_an_empty_file_is_no_error(shop: Path, capsys: pytest.CaptureFixture[str]):
    (shop / "empty.jsonl").write_text("")
    assert replayed(shop, "--json", files=("empty.jsonl",)) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["lines"], summary["changes"], summary["clock"]) == (0, 0, None)


def test_a_dump_of_the_log_replays_to_the_changes_of_the_run(shop: Path):
    """Partitions interleaved in one file, as the dump writes them."""
    run = recording(1, 3)
    dump(run, shop / "log.jsonl")
    assert replayed(shop, "--log", "--shop", "s", files=("log.jsonl",)) == 0
    found = (shop / "changes.jsonl").read_bytes().splitlines()
    assert sorted(found) == sorted(run.changes)


def test_a_snapshot_and_the_log_after_it_replay_to_the_rest_of_the_changes(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    run = recording(1, 3)
    told = dump_snapshot(run, [len(log) // 2 for log in run.logs], shop / "snapshot.jsonl")
    dump(run, shop / "log.jsonl")
    files = ("snapshot.jsonl", "log.jsonl")
    assert replayed(shop, "--log", "--shop", "s", "--json", files=files) == 0
    found = (shop / "changes.jsonl").read_bytes().splitlines()
    assert told
    assert found
    assert sorted(told + found) == sorted(run.changes)
    summary = json.loads(capsys.readouterr().out)
    assert summary["lines"] == sum(map(len, run.logs))
    assert replayed(shop, "--log", "--shop", "s", files=("log.jsonl", "snapshot.jsonl")) == 2
    assert "comes after records of its log" in capsys.readouterr().err


def test_a_log_that_begins_after_the_snapshot_ends_is_refused(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    run = recording(1, 3)
    dump_snapshot(run, [5, 5, 5], shop / "snapshot.jsonl")
    begins = {"partition": 1, "timestamp": 0, "key": None, "value": None, "state": True}
    for offset, code in ((5, 0), (6, 2)):
        (shop / "retained.jsonl").write_text(json.dumps(begins | {"offset": offset}) + "\n")
        assert replayed(shop, "--log", files=("snapshot.jsonl", "retained.jsonl")) == code
    assert "begins at offset 6, and what goes before it ends at 5" in capsys.readouterr().err


def test_two_hash_seeds_write_the_same_bytes(tmp_path: Path):
    """In processes of their own; two runs of one seed agree as well."""
    config = TrafficConfig(
        seed=9, customers=80, start_ms=START_MS, days=3,
        late=0.05, duplicates=0.02, malformed=0.01,
    )  # fmt: skip
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(event.value + b"\n" for event in generate(config)))
    written = []
    for number, seed in enumerate(("0", "4242")):
        out = [tmp_path / f"{kind}{number}.jsonl" for kind in ("changes", "members")]
        done = subprocess.run(
            [sys.executable, "-m", "stream.cli.main", "replay", str(events), "--until",
             rfc3339(START_MS + 60 * DAY), "--changes", str(out[0]), "--members", str(out[1])],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        written.append([path.read_bytes() for path in out])
    assert written[0] == written[1]
    assert written[0][0].count(b"\n") > 150


def test_a_file_in_which_nothing_can_be_read_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "orders.csv").write_text("id,amount\n1,2\n", encoding="utf-8")
    assert cli.main(["replay", str(tmp_path / "orders.csv")]) == 2
    assert "no line could be read as an event" in capsys.readouterr().err
