"""The offline run: the same whatever the ticks and batches, and as a live run."""

from __future__ import annotations

import json
from functools import cache

import msgspec
import pytest

from stream.events.changes import SegmentChanged
from stream.events.cloudevent import encode_change
from stream.events.decoded import Decoded
from stream.events.envelope import RejectedEventError, decode
from stream.simulation.offline import LogReplay, Offline
from stream.simulation.traffic import TrafficConfig, generate
from tests.engine.lane import BUILT_IN, SETTINGS, definitions, expect_counts_to_add_up
from tests.engine.recorded import Recording, fold_in_batches, recording
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS, added, order, page

END_MS = START_MS + 45 * DAY


@cache
def events(seed: int, customers: int = 150, days: float = 7) -> tuple[Decoded, ...]:
    """A week in the order of its time."""
    config = TrafficConfig(seed=seed, customers=customers, start_ms=START_MS, days=days)
    found = [decode(event.value, 0, None) for event in generate(config)]
    return tuple(sorted(found, key=lambda decoded: decoded.time_ms))


@cache
def keyed(seed: int) -> tuple[Decoded, ...]:
    """The same without a word on which ids are one person."""
    return tuple(msgspec.structs.replace(decoded, links=()) for decoded in events(seed))


def run_over(
    given: tuple[Decoded, ...], content: bytes = BUILT_IN
) -> tuple[Offline, list[SegmentChanged]]:
    offline = Offline(SETTINGS, content)
    changes = [change for decoded in given for change in offline.apply(decoded)]
    changes += offline.finish(END_MS)
    return offline, changes


def lines(changes: list[SegmentChanged], *, in_time: bool = False) -> dict[str, bytes]:
    """The changes by id; `in_time` takes all as told of in time."""
    found = {}
    for change in changes:
        told = msgspec.structs.replace(change, historic=False) if in_time else change
        found[change.id] = encode_change(told, "s")
    assert len(found) == len(changes)
    return found


def happened(customer: str, *records) -> tuple[Decoded, ...]:
    return tuple(
        Decoded(customer, record, record.time_ms, record.received_ms) for record in records
    )


@pytest.mark.parametrize("every_ms", [MINUTE, HOUR, 20 * DAY])
def test_any_pace_of_ticks_gives_the_same_changes(every_ms: int, monkeypatch: pytest.MonkeyPatch):
    _, changes = run_over(keyed(1))
    monkeypatch.setattr("stream.simulation.offline.TICK_EVERY_MS", every_ms)
    _, others = run_over(keyed(1))
    assert lines(others, in_time=True) == lines(changes, in_time=True)


@pytest.mark.parametrize("batch", [1, 40])
def test_any_size_of_batches_gives_the_same_run_byte_for_byte(
    batch: int, monkeypatch: pytest.MonkeyPatch
):
    """Merges and forwarded events included."""
    _, changes = run_over(events(3))
    assert "merge" in {change.cause for change in changes}
    monkeypatch.setattr("stream.simulation.offline.BATCH_MAX", batch)
    _, others = run_over(events(3))
    assert lines(others) == lines(changes)


def test_caps_of_the_engine_change_nothing_but_when_it_is_told(monkeypatch: pytest.MonkeyPatch):
    _, changes = run_over(keyed(1))
    for name in ("SWEEP_PER_RECORD", "SWEEP_PER_TICK", "TIMERS_PER_RECORD", "TIMERS_PER_TICK"):
        monkeypatch.setattr(f"stream.engine.partition.{name}", 2)
    offline, others = run_over(keyed(1))
    for number in range(1, 1000):  # more ticks, for what is still due
        others += offline.finish(END_MS + number)
    found, expected = lines(others, in_time=True), lines(changes, in_time=True)
    assert found == expected


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_live_run_over_keyed_events_in_order_gives_the_same_changes(partitions: int):
    """Other batches, other ticks, waiting at midnights: the worker's way through the same core."""
    _, changes = run_over(keyed(2))
    live = Recording(partitions)
    for at in range(0, len(keyed(2)), 77):
        for decoded in keyed(2)[at : at + 77]:
            live.now_ms = decoded.received_ms
            live.keep_time_before(decoded.time_ms)
            sent = live.router.nothing()
            live.router.emit(decoded, sent)
            live.put_all(sent)
            live.router.state.event_ms = decoded.time_ms
        live.fold()
    live.keep_time(END_MS)
    told = {json.loads(change)["id"]: change for change in live.changes}
    mask = (b'"historic":true', b'"historic":false')
    assert {key: value.replace(*mask) for key, value in told.items()} == lines(
        changes, in_time=True
    )


@pytest.mark.parametrize("partitions", [1, 3])
def test_the_log_of_a_live_run_replays_to_the_same_changes_and_members(partitions: int):
    """Late, repeated and forwarded events, new versions: all that stands in the log."""
    run = recording(1, partitions)
    replay, said = LogReplay(SETTINGS), []
    for partition, log in enumerate(run.logs):
        for at in range(0, len(log), 333):
            said += replay.apply(partition, log[at : at + 333])
    assert sorted(encode_change(change, "s") for change in said) == sorted(run.changes)
    members = {member.customer: member for member in replay.members()}
    rows = {k: row for engine in run.engines for k, row in engine.store.rows() if row.segments}
    assert {customer: m.since_ms for customer, m in members.items()} == {
        key.decode(): row.segments for key, row in rows.items()
    }
    assert list(members) == sorted(members)
    expect_counts_to_add_up(replay.counts)


def test_the_end_advances_every_customer_to_it_and_no_further():
    content = definitions("name: quiet, enter: since(seen.last) >= 1 * DAY")
    offline = Offline(SETTINGS, content)
    for decoded in happened("a", page(START_MS)) + happened("b", page(START_MS + HOUR)):
        assert list(offline.apply(decoded)) == []
    changes = list(offline.finish(START_MS + DAY))
    assert [(c.customer, c.time_ms) for c in changes] == [("a", START_MS + DAY)]
    assert list(offline.finish(START_MS + DAY + HOUR - 1)) == []
    assert [c.customer for c in offline.finish(START_MS + DAY + HOUR)] == ["b"]


def test_without_an_end_time_goes_to_the_last_event():
    content = definitions("name: quiet, enter: since(seen.last) >= 1 * HOUR")
    offline = Offline(SETTINGS, content)
    for decoded in happened("a", page(START_MS)) + happened("b", page(START_MS + HOUR)):
        list(offline.apply(decoded))
    assert [(c.customer, c.time_ms) for c in offline.finish()] == [("a", START_MS + HOUR)]


def test_an_end_before_the_last_event_takes_nothing_back():
    content = definitions("name: quiet, enter: since(seen.last) >= 1 * HOUR")
    offline = Offline(SETTINGS, content)
    for decoded in happened("a", page(START_MS)) + happened("b", page(START_MS + HOUR)):
        list(offline.apply(decoded))
    assert [c.customer for c in offline.finish(START_MS)] == ["a"]


def test_what_a_link_sends_on_is_applied_before_the_next_event():
    content = definitions("name: full, enter: cart.items >= 3")
    offline = Offline(SETTINGS, content)
    first, login = added(START_MS, "x"), added(START_MS + 1, "y")
    last = added(START_MS + 2, "z")
    given = (
        *happened("anon", first),
        Decoded("u", login, START_MS + 1, START_MS + 1, links=(("anon", "u"),)),
        *happened("anon", last),
    )
    changes = [change for decoded in given for change in offline.apply(decoded)]
    changes += offline.finish()
    assert [(c.customer, c.segment, c.time_ms) for c in changes] == [("u", "full", START_MS + 2)]
    assert (offline.counts.forwarded, offline.counts.dead) == (1, 0)
    expect_counts_to_add_up(offline.counts)


def test_an_event_that_no_record_holds_is_refused_before_anything_is_applied():
    offline = Offline(SETTINGS, BUILT_IN)
    huge = order(START_MS, "1", revenue=None, total_micros=1 << 65)
    with pytest.raises(RejectedEventError, match="64 bits"):
        list(offline.apply(happened("c", huge)[0]))
    list(offline.apply(happened("c", page(START_MS))[0]))
    list(offline.finish())
    assert offline.counts.applied == 1


def test_members_come_by_customer_with_the_time_of_their_latest_change():
    content = definitions("name: buyer, enter: orders.count >= 1")
    offline = Offline(SETTINGS, content)
    for customer in "cab":
        for decoded in happened(customer, order(START_MS, "1"), page(START_MS + 1)):
            list(offline.apply(decoded))
    list(offline.finish(START_MS + DAY))
    assert [(m.customer, m.since_ms, m.sequence, m.time_ms) for m in offline.members()] == [
        (customer, {"buyer": START_MS}, 1, START_MS) for customer in "abc"
    ]


def test_a_replayed_log_may_come_in_any_batches():
    run = recording(2)
    replay, engine_changes = LogReplay(SETTINGS), []
    fold_in_batches(
        run.engines[0].__class__(0, SETTINGS), run.logs[0], lambda: 91,
        lambda effects: engine_changes.extend(effects.changes),
    )  # fmt: skip
    assert replay.apply(0, run.logs[0]) == engine_changes
