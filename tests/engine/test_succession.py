"""What is told when one run takes another's place."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from stream.engine.effects import EngineStateError
from stream.engine.partition import PartitionEngine
from stream.engine.run_mark import (
    RUN_KEY,
    RUN_SEQUENCES,
    TURNS_MAX,
    RunMark,
    first_between,
    pack_mark,
    read_mark,
    sequence_base,
)
from stream.engine.settings import EngineSettings
from stream.engine.succession import Succession
from tests.engine.lane import Lane, definitions
from tests.state.shopping import HOUR, START_MS, added, order

CONTENT = definitions(
    "name: buyer, enter: orders.count >= 1",
    "name: filled_cart, enter: cart.items > 0",
    "name: twice, enter: orders.count >= 2",
)


BETWEEN = RUN_SEQUENCES - 200_000
"""Where sequences of what a switch tells begin, in the second run."""


def second_run() -> PartitionEngine:
    """Anna has bought twice, and ben has something in the cart, as the second run knows them."""
    lane = Lane(CONTENT)
    lane.engine = PartitionEngine(0, EngineSettings(shop="s", incarnation="2"))
    lane.define(CONTENT)
    lane.put("anna", order(START_MS, "1"), order(START_MS + HOUR, "2"))
    lane.put("ben", added(START_MS + HOUR))
    lane.tick(START_MS + 2 * HOUR)
    return lane.engine


def told(engine: PartitionEngine, customer: str, *before: str) -> list[tuple[str, bool, int]]:
    found = Succession(engine).changes(customer.encode(), dict.fromkeys(before))
    return [(one.segment, one.entered, one.sequence) for one in found]


def test_what_both_know_is_not_told_again():
    engine = second_run()
    assert told(engine, "anna", "buyer", "twice") == []
    assert told(engine, "nobody") == []


def test_the_difference_is_told_once_between_the_sequences_of_both_runs():
    engine = second_run()
    assert told(engine, "anna", "buyer", "filled_cart") == [
        ("filled_cart", False, BETWEEN),
        ("twice", True, BETWEEN + 1),
    ]
    assert told(engine, "gone", "buyer") == [("buyer", False, BETWEEN)]
    membership = Succession(engine).membership(b"anna", 2)
    assert membership is not None
    assert membership.sequence == BETWEEN + 1
    assert membership.since_ms == {"buyer": START_MS, "twice": START_MS + HOUR}
    assert Succession(engine).membership(b"gone") is None


def test_what_is_told_again_has_sequences_above_what_was_told_before():
    """At the end of a switch, and by the next one where it was interrupted."""
    engine, first = second_run(), []
    for tries in (0, 1, 2):
        engine.mark = RunMark("catching-up", "", tries)
        for at_last in (False, True):
            changes = Succession(engine, at_last=at_last).changes(b"anna", {})
            first.append([one.sequence for one in changes])
    assert first == sorted(first)
    assert all(a[-1] < b[0] for a, b in pairwise(first))
    assert first[0][0] >= BETWEEN
    assert first_between("2", 10**6, at_last=True) + TURNS_MAX <= sequence_base("2")


def test_nobody_acts_on_it_and_every_change_says_what_is_held_after_it():
    engine = second_run()
    left, came = Succession(engine).changes(b"anna", {"buyer": "", "filled_cart": ""})
    assert (left.segments, came.segments) == (("buyer",), ("buyer", "twice"))
    for change in (left, came):
        assert (change.historic, change.initial, change.action) == (True, True, {})
        assert (change.cause, change.time_ms) == ("definition", START_MS + 2 * HOUR)
    assert came.at_ms == START_MS + HOUR
    assert left.id != came.id


def test_a_later_run_tells_higher_sequences_and_the_first_ones_stay_as_they_were():
    engines = {}
    for incarnation in ("1", "2", "blue"):
        lane = Lane(None)
        lane.engine = PartitionEngine(0, EngineSettings(shop="s", incarnation=incarnation))
        lane.define(CONTENT)
        lane.put("anna", order(START_MS, "1"))
        engines[incarnation] = [change.sequence for change in lane.changes]
    assert engines == {"1": [1], "2": [RUN_SEQUENCES + 1], "blue": [1]}
    assert sequence_base("3") == 2 * RUN_SEQUENCES


def test_a_run_that_has_ended_is_not_worked_on_and_names_its_successor():
    engine = PartitionEngine(0, EngineSettings(incarnation="1"))
    engine.restore(RUN_KEY, pack_mark(RunMark("retired", "2")))
    with pytest.raises(EngineStateError, match="has ended, 2 serves in its place"):
        engine.restored()


def test_a_mark_that_was_taken_away_is_none():
    engine = PartitionEngine(0, EngineSettings(incarnation="2"))
    engine.restore(RUN_KEY, pack_mark(RunMark("catching-up")))
    assert engine.mark == RunMark("catching-up")
    engine.restore(RUN_KEY, None)
    engine.restored()
    assert engine.mark is None


def test_a_mark_of_a_newer_build_is_refused():
    with pytest.raises(EngineStateError, match="run the build that wrote it"):
        read_mark(msgspec.msgpack.encode(["paused", ""]))
