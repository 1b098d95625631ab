"""The log decides: not how it is cut into batches, nor who folds it, nor what was restored."""

from __future__ import annotations

from random import Random

import pytest

from stream.engine.effects import Counts, Effects, StoredRecord
from stream.engine.meta import META_KEY
from stream.engine.partition import PartitionEngine
from stream.events.cloudevent import encode_change
from stream.events.records import Tick, decode_record, encode_record
from stream.segments.pack import load_pack
from stream.state.codec import unpack
from stream.state.row import Row
from tests.engine.lane import SETTINGS, expect_counts_to_add_up
from tests.engine.recorded import fold_in_batches, recording


class Taken:
    """What came out of a log, and the changelog that it left."""

    def __init__(self) -> None:
        self.changes: list[bytes] = []
        self.learned: list[object] = []
        self.forwards: list[object] = []
        self.snapshots: list[object] = []
        self.memberships: dict[str, object] = {}
        self.changelog: dict[bytes, bytes] = {}
        self.counts = Counts()

    def __call__(self, effects: Effects) -> None:
        self.changes += [encode_change(change, "s") for change in effects.changes]
        self.learned += effects.learned
        self.forwards += effects.forwards
        self.snapshots += effects.population
        self.memberships.update(effects.memberships)
        for key, value in effects.rows.items():
            if value is None:
                self.changelog.pop(key, None)
            else:
                self.changelog[key] = value
        for name in Counts.__struct_fields__:
            value = getattr(self.counts, name) + getattr(effects.counts, name)
            setattr(self.counts, name, value)

    def rows(self) -> dict[bytes, Row]:
        """The rows; which version a row crossed to last is not written where it changed nothing."""
        rows = {key: unpack(value) for key, value in self.changelog.items() if key[0]}
        for row in rows.values():
            row.activation = 0
        return rows

    def said(self) -> tuple[object, ...]:
        return self.changes, self.learned, self.forwards, self.snapshots, self.memberships


def folded(log, size: int) -> Taken:
    taken = Taken()
    fold_in_batches(PartitionEngine(0, SETTINGS), log, lambda: size, taken)
    return taken


def test_the_recorded_week_has_everything_in_it():
    """What the tests below are worth: each rare path was taken."""
    run = recording(1)
    counts = run.counts
    assert len(run.changes) > 100
    assert min(counts.late, counts.duplicate, counts.timers_fired) > 10
    assert counts.forwarded > 0
    assert {dead.reason for dead in run.dead} >= {"not_json", "no_id", "not_utf8"}
    kinds = {version.kind for version in run.engines[0].passage.contents.values()}
    assert kinds == {"definitions", "population"}
    said = b"".join(run.changes)
    for cause in (b"event", b"timer", b"merge", b"definition", b"model"):
        assert b'"cause":"%b"' % cause in said, cause
    expect_counts_to_add_up(counts)


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_batches_of_any_size_give_the_same_effects(size: int):
    run = recording(1)
    whole, cut = folded(run.logs[0], len(run.logs[0])), folded(run.logs[0], size)
    assert cut.said() == whole.said()
    assert cut.rows() == whole.rows()
    assert cut.changelog[META_KEY] == whole.changelog[META_KEY]
    assert set(cut.changelog) == set(whole.changelog)
    assert cut.changes == run.changes
    for name in ("consumed", "applied", "duplicate", "forwarded", "control", "dead", "late"):
        assert getattr(cut.counts, name) == getattr(whole.counts, name)


def test_new_thresholds_turn_what_they_would_if_whole_conditions_were_asked_anew(
    monkeypatch: pytest.MonkeyPatch,
):
    log = recording(1).logs[0]
    found = folded(log, len(log))
    for version in recording(1).engines[0].passage.contents.values():
        if version.kind == "definitions":
            pack = load_pack(version.content)
            assert pack.percentiles
            monkeypatch.setattr(pack, "decide_standing", pack.decide_by_population)
    whole = folded(log, len(log))
    assert b'"cause":"model"' in b"".join(found.changes)
    assert found.said() == whole.said()
    assert found.rows() == whole.rows()


def test_broken_records_in_the_log_are_the_same_in_any_batch():
    run = recording(2)
    random = Random(4)
    log = list(run.logs[0])
    for _ in range(20):
        at = random.randrange(len(log))
        broken = log[at]
        log[at] = type(broken)(broken.offset, broken.timestamp, broken.key, broken.value[:-2])
    whole, cut = folded(log, len(log)), folded(log, 13)
    assert whole.said() == cut.said()
    assert whole.rows() == cut.rows()
    assert 10 < whole.counts.dead == cut.counts.dead <= 20
    expect_counts_to_add_up(cut.counts)


@pytest.mark.parametrize("seed", range(6))
def test_an_engine_restored_at_any_batch_goes_on_as_if_nothing_had_happened(seed: int):
    """The changelog is all that is left at each cut, twenty times in a week."""
    run = recording(seed % 3)
    log = run.logs[0]
    random = Random(seed)
    cuts = sorted(random.sample(range(1, len(log)), 20))
    taken = Taken()
    engine = PartitionEngine(0, SETTINGS)
    for begin, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        fold_in_batches(engine, log[begin:end], lambda: random.randint(1, 60), taken)
        engine = PartitionEngine(0, SETTINGS)
        for key, value in taken.changelog.items():
            engine.restore(key, value)
        engine.restored()
        assert engine.next_offset == end
    whole = folded(log, 500)
    assert sorted(taken.changes) == sorted(whole.changes)
    assert by_customer(taken.changes) == by_customer(whole.changes)
    assert taken.rows() == whole.rows()
    assert engine.members == {k: v for k, v in run.engines[0].members.items() if v}


def by_customer(changes: list[bytes], *, in_time: bool = False) -> dict[bytes, list[bytes]]:
    """Each customer's changes in their order; `in_time` takes all as told of in time."""
    found: dict[bytes, list[bytes]] = {}
    for told in changes:
        change = told.replace(b'"historic":true', b'"historic":false') if in_time else told
        found.setdefault(change.partition(b'"subject":"')[2].partition(b'"')[0], []).append(change)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_that_was_undone_leaves_no_trace(seed: int):
    """Each batch is tried, thrown away, and folded again."""
    run = recording(seed)
    log = run.logs[0]
    random = Random(seed)
    engine, taken = PartitionEngine(0, SETTINGS), Taken()
    at = 0
    while at < len(log):
        batch = log[at : at + random.randint(1, 90)]
        saved = (engine.days.histograms, dict(engine.passage.contents), dict(engine.members))
        part = engine.decider.effects = Effects()
        for record in batch:
            engine._take(record, part)
        engine._rollback(*saved)
        taken(engine.fold(batch))
        at += len(batch)
    whole = folded(log, 500)
    assert by_customer(taken.changes) == by_customer(whole.changes)
    assert taken.rows() == whole.rows()
    assert taken.counts.applied == whole.counts.applied


def with_silence(log: list[StoredRecord]) -> list[StoredRecord]:
    """The last clock again and again, for what is still due."""
    silence, found = log[-1], list(log)
    for number in range(1, 3000):
        clock_ms = decode_record(silence.value).clock_ms + number
        value = encode_record(Tick(clock_ms=clock_ms))
        found.append(StoredRecord(silence.offset + number, clock_ms, None, value))
    return found


def slow_down(monkeypatch: pytest.MonkeyPatch, cap: int) -> None:
    for name in ("SWEEP_PER_RECORD", "SWEEP_PER_TICK", "TIMERS_PER_RECORD", "TIMERS_PER_TICK"):
        monkeypatch.setattr(f"stream.engine.partition.{name}", cap)


def test_a_sweep_that_is_interrupted_again_and_again_changes_nothing_but_when_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
):
    """Where it has got to is nowhere but in the rows themselves, which say what they crossed."""
    log = with_silence(recording(1).logs[0])
    whole = folded(log, 500)
    slow_down(monkeypatch, 3)
    random = Random(1)
    taken, engine, interrupted = Taken(), PartitionEngine(0, SETTINGS), 0
    for record in log:
        taken(engine.fold([record]))
        if engine.passage.is_open and random.random() < 0.2:
            interrupted += 1
            engine = PartitionEngine(0, SETTINGS)
            for key, value in taken.changelog.items():
                engine.restore(key, value)
            engine.restored()
    assert interrupted > 3
    assert by_customer(taken.changes, in_time=True) == by_customer(whole.changes, in_time=True)
    assert taken.rows() == whole.rows()
    assert taken.snapshots == whole.snapshots


@pytest.mark.parametrize("cap", [1, 3])
def test_caps_of_sweeps_and_timers_change_nothing_but_when_it_is_told(
    cap: int, monkeypatch: pytest.MonkeyPatch
):
    log = with_silence(recording(1).logs[0])
    whole = folded(log, 500)
    slow_down(monkeypatch, cap)
    slow = folded(log, 500)
    assert len(slow.changes) == len(whole.changes)
    assert by_customer(slow.changes, in_time=True) == by_customer(whole.changes, in_time=True)
    assert slow.rows() == whole.rows()
    assert slow.snapshots == whole.snapshots
