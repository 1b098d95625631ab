"""A few rounds of `make chaos-kafka`, and what their verdict sees."""

import asyncio
import dataclasses
import json
import time
from collections.abc import Iterator
from copy import deepcopy

import pytest

from stream.events.envelope import decode
from stream.events.records import Link, encode_record
from tests.kafka.faults import evidence
from tests.kafka.faults.__main__ import line, table
from tests.kafka.faults.evidence import Extent, Position, folder_of
from tests.kafka.faults.ground import Ground
from tests.kafka.faults.kinds import KINDS
from tests.kafka.faults.round import Kind, Outcome, Round, run_round
from tests.kafka.faults.verdict import Verdict, compare_changes, input_problems
from tests.kafka.installation import event

BY_NAME = {kind.name: kind for kind in KINDS}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """Brokers that rounds may do anything to."""
    with Ground() as started:
        yield started


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("name", "seed"), [("kill all", 1), ("both killed", 2), ("lost answers", 3), ("silence", 4)]
)
def test_a_round_of_faults_loses_repeats_and_disorders_nothing(ground, name, seed):
    kind = BY_NAME[name]
    outcome = asyncio.run(run_round(kind, ground.of(kind), ground.proxy, seed))
    assert outcome.is_clean, line(1, outcome)
    assert outcome.verdict.raw > 1_000
    assert outcome.verdict.changes > 100


@pytest.mark.kafka
def test_a_red_round_leaves_its_logs_and_says_where_everything_stood(ground, tmp_path, monkeypatch):
    async def fails(round_: Round) -> None:
        await round_.sent(0.1)
        raise AssertionError("made red on purpose")

    monkeypatch.setattr(evidence, "KEPT", tmp_path)
    kind = Kind("red on purpose", "a round that fails", fails)
    outcome = asyncio.run(run_round(kind, ground.of(kind), ground.proxy, 5))
    folder = tmp_path / "5-red-on-purpose"
    assert outcome.kept == str(folder)
    assert "made red on purpose" in folder.joinpath("why.txt").read_text()
    logs = sorted(folder.glob("worker-*.log"))
    assert len(logs) == kind.workers
    for log in logs:
        said = log.read_text()
        assert "health and metrics on" in said
        assert "  watchdog: Watchdog.run (watchdog.py:" in said
        assert "Fetcher._fetch_requests_routine" in said
        assert "shoal_commit_seconds_count" in log.with_suffix(".metrics").read_text()
    assert folder.joinpath("broker-1.log").exists()
    found = json.loads(folder.joinpath("positions.json").read_text())
    assert len(found["positions"]) == 4
    assert all("the clock stands at" in " ".join(each) for each in found["missing"].values())
    assert "leader 1, in sync [1]" in folder.joinpath("cluster.txt").read_text()
    assert "source-0" in folder.joinpath("clock.txt").read_text()


@pytest.mark.chaos
@pytest.mark.kafka
@pytest.mark.parametrize("name", [kind.name for kind in KINDS if kind.on_three])
def test_one_of_three_brokers_may_fail_and_two_stop_everything(ground, name):
    kind = BY_NAME[name]
    outcome = asyncio.run(run_round(kind, ground.of(kind), ground.proxy, seed=1))
    assert outcome.is_clean, line(1, outcome)


def test_kinds_have_names_of_their_own():
    assert len(BY_NAME) == len(KINDS)


# What the verdict sees


def change(customer: str, sequence: int, **data: object) -> dict[str, object]:
    return {"id": f"{customer}-{sequence}", "subject": customer, "sequence": f"{sequence}"} | data


TOLD = [change("anna", 1), change("ben", 1), change("anna", 2), change("anna", 3)]


def compared(told: list[dict[str, object]]) -> Verdict:
    verdict = Verdict()
    compare_changes(verdict, told, deepcopy(TOLD))
    return verdict


def test_what_is_told_as_it_is_replayed_is_clean():
    assert compared(deepcopy(TOLD)).is_clean


def test_a_change_that_was_not_told_is_lost_and_leaves_a_gap():
    verdict = compared([c for c in TOLD if c["id"] != "anna-2"])
    assert (verdict.lost, verdict.disordered) == (["anna-2"], ["anna"])


def test_a_change_that_no_replay_tells_is_extra():
    assert compared([*TOLD, change("ben", 2)]).extra == ["ben-2"]


def test_a_change_that_is_told_twice_is_repeated_and_in_order():
    verdict = compared([*TOLD, TOLD[0]])
    assert (verdict.repeated, verdict.disordered) == (["anna-1"], [])


def test_a_change_with_another_payload_differs():
    assert compared([*TOLD[:3], TOLD[3] | {"cause": "timer"}]).differing == ["anna-3"]


def test_changes_that_swap_their_places_are_disordered():
    assert compared([TOLD[0], TOLD[1], TOLD[3], TOLD[2]]).disordered == ["anna"]


@dataclasses.dataclass
class Stored:
    key: bytes | None
    value: bytes
    timestamp: int


def stored_views(count: int) -> list[Stored]:
    now_ms = int(time.time() * 1000)
    return [Stored(None, event("anna", n, now_ms + n), now_ms) for n in range(count)]


def routed(raw: list[Stored]) -> list[Stored]:
    calls = [decode(record.value, record.timestamp, None) for record in raw]
    return [Stored(call.key.encode(), encode_record(call.record), 0) for call in calls]


def test_a_log_with_each_raw_event_once_in_order_is_clean():
    raw = stored_views(3)
    link = Stored(b"anon", encode_record(Link(target="anna", time_ms=1, received_ms=1)), 0)
    assert input_problems([*raw, Stored(None, b"{", 0)], [*routed(raw), link], 1) == []


def test_raw_events_that_are_missing_doubled_or_swapped_in_the_log_are_seen():
    raw = stored_views(3)
    log = routed(raw)
    assert input_problems(raw, log[1:], 0) == [
        "of the raw events 1 are lost and 0 are extra in the log"
    ]
    assert input_problems(raw, [*log, log[0]], 0) == [
        "of the raw events 0 are lost and 1 are extra in the log"
    ]
    assert input_problems(raw, log[::-1], 0) == [
        "the events of 1 customers are not in their order in the log"
    ]


def test_a_raw_record_that_is_no_event_and_no_dead_letter_is_missed():
    raw = [Stored(None, json.dumps([]).encode(), 0)]
    assert input_problems(raw, [], 0) == ["1 raw records cannot be decoded, 0 are dead letters"]


def test_a_red_round_says_how_to_repeat_it():
    verdict = Verdict(raw=10, changes=3, lost=["anna-2"])
    kept = str(folder_of("kill all", 17))
    outcome = Outcome("kill all", 17, verdict, 3.0, {"caught up": 1.0}, 0, [], kept=kept)
    said = line(1, outcome)
    assert "RED" in said
    assert "build/chaos/17-kill-all\n" in said
    assert "1 lost: anna-2" in said
    assert 'make chaos-kafka ROUNDS=1 SEED=17 KIND="kill all"' in said
    assert "| **all** | 1 | 3 | 1 | 0 | 0 | 1 |" in table([outcome])


def position(**changes: object) -> Position:
    """One number of which everything is done."""
    whole = Extent(10, 10)
    done = {"sent": 10, "raw": whole, "routed": 10, "log": whole, "folded": 10}
    done |= {"changelog": whole, "clock_ms": 500, "owners": [7]}
    return Position(**done | changes)


def test_nothing_is_missing_where_all_is_routed_and_folded():
    assert position().missing(500) == []


def test_what_is_missing_is_named_by_its_offsets():
    assert position(sent=12, routed=8).missing(500) == ["raw offsets not routed: 8 to 11"]
    assert position(folded=9).missing(500) == ["offsets of the log not folded: 9 to 9"]
    assert position(log=Extent(10, 14)).missing(500) == [
        "offsets of the log held back by an open transaction: 10 to 13"
    ]
    assert position(clock_ms=400).missing(500) == ["the clock stands at 400, 100 ms back"]
    assert position(clock_ms=400).missing(None) == []
    assert position(owners=[]).missing(500) == ["owners: none"]
    assert position(owners=[7, 8]).missing(500) == ["owners: [7, 8]"]
