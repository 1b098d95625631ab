"""Versions in force, and the passage of rows to a new one."""

from __future__ import annotations

import pytest

from stream.clustering.model import ClusterModel, encode_model
from stream.engine.effects import EngineStateError
from stream.engine.meta import META_KEY, Meta, pack_meta
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.engine.timeline import Timeline
from stream.engine.versions import UnknownVersionError, following
from stream.events.records import Link, Version
from stream.features.vector import DIMENSIONS
from tests.engine.lane import SETTINGS, Lane, Turn, definitions
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS, added, identified, order, page

ONE = definitions("name: buyer, enter: orders.count >= 1")
TWO = definitions("name: buyer, enter: orders.count >= 2")
OTHER = definitions("name: guest, enter: orders.count <= 0")


def version(kind: str, content: bytes, active_ms: int = 0) -> Version:
    return Version(kind=kind, name=f"{kind}-{active_ms}", active_ms=active_ms, content=content)


# -- new definitions ------------------------------------------------------------------------------


def test_members_whose_condition_is_now_false_leave_with_cause_definition():
    lane = Lane(ONE)
    lane.put("a", order(START_MS, "1"))
    lane.put("b", order(START_MS, "1"), order(START_MS + 1, "2"))
    lane.tick(START_MS + HOUR)
    lane.define(TWO, START_MS + HOUR)
    lane.tick(START_MS + 2 * HOUR)
    assert lane.turns[2:] == [Turn("a", "buyer", False, START_MS + HOUR, "definition")]
    assert lane.segments("b") == {"buyer": START_MS}
    change = lane.changes[-1]
    assert change.initial
    assert change.definition != lane.changes[0].definition


def test_those_who_now_belong_enter_and_their_changes_are_initial():
    lane = Lane(ONE)
    lane.put("a", page(START_MS))
    lane.tick(START_MS + HOUR)
    lane.define(OTHER, START_MS + HOUR)
    lane.tick(START_MS + 2 * HOUR)
    assert lane.turns == [Turn("a", "guest", True, START_MS + HOUR, "definition")]
    assert lane.changes[0].initial


def test_a_segment_that_is_no_longer_defined_is_left_by_the_version_that_was_in_force():
    lane = Lane(ONE)
    lane.put("a", order(START_MS, "1"))
    entered = lane.changes[0].definition
    lane.tick(START_MS + HOUR)
    lane.define(OTHER, START_MS + HOUR)
    lane.tick(START_MS + 2 * HOUR)
    assert lane.turns[-1] == Turn("a", "buyer", False, START_MS + HOUR, "definition")
    assert lane.changes[-1].definition == entered != ""


def test_time_conditions_of_a_new_version_start_their_timers():
    lane = Lane(ONE)
    lane.put("a", page(START_MS))
    lane.tick(START_MS + HOUR)
    lane.define(definitions("name: quiet, enter: since(seen.last) >= 1 * DAY"), START_MS + HOUR)
    assert lane.tick(START_MS + 2 * DAY) == [Turn("a", "quiet", True, START_MS + DAY, "timer")]


def test_a_customer_who_is_ahead_of_the_clock_changes_at_their_own_time():
    lane = Lane(ONE)
    lane.tick(START_MS)
    lane.put("a", order(START_MS + MINUTE, "1"))
    lane.define(TWO, START_MS)
    assert lane.turns[-1] != Turn("a", "buyer", False, START_MS, "definition")
    lane.tick(START_MS + HOUR)
    assert lane.turns[-1] == Turn("a", "buyer", False, START_MS + MINUTE, "definition")


def test_the_same_version_again_is_not_news():
    lane = Lane(ONE)
    lane.put("a", order(START_MS, "1"))
    lane.tick(START_MS + 1)
    number = lane.engine.timeline.latest.number
    lane.define(ONE, START_MS + 1)
    assert lane.engine.timeline.latest.number == number
    assert len(lane.turns) == 1


def test_going_back_to_an_older_version_is_a_change_like_any_other():
    lane = Lane(ONE)
    lane.put("a", order(START_MS, "1"))
    for hours, content in ((1, TWO), (2, ONE), (3, TWO)):
        lane.tick(START_MS + hours * HOUR)
        lane.define(content, START_MS + hours * HOUR)
    lane.tick(START_MS + 9 * HOUR)
    assert [t.entered for t in lane.turns] == [True, False, True, False]
    assert lane.restored().timeline.latest.pack.name == lane.engine.timeline.latest.pack.name
    assert len([key for key in lane.changelog if key.startswith(b"\0version/")]) == 1


def test_segments_that_a_new_version_puts_into_one_group_exclude_each_other():
    apart = definitions(
        "name: many, enter: orders.count >= 2", "name: some, enter: orders.count >= 1"
    )
    together = definitions(
        "name: many, group: g, enter: orders.count >= 2",
        "name: some, group: g, enter: orders.count >= 1",
    )
    lane = Lane(apart)
    lane.put("a", order(START_MS, "1"), order(START_MS + 1, "2"))
    assert set(lane.segments("a")) == {"many", "some"}
    lane.tick(START_MS + HOUR)
    lane.define(together, START_MS + HOUR)
    lane.tick(START_MS + 2 * HOUR)
    assert lane.turns[2:] == [Turn("a", "some", False, START_MS + HOUR, "definition")]


def test_a_row_that_points_elsewhere_is_not_decided():
    lane = Lane(ONE)
    lane.put("anon", Link(target="u", time_ms=START_MS, received_ms=START_MS))
    lane.tick(START_MS + HOUR)
    lane.define(OTHER, START_MS + HOUR)
    lane.tick(START_MS + 2 * HOUR)
    assert lane.turns == []


# -- the sweep ------------------------------------------------------------------------------------


@pytest.fixture
def slow_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row a record, one a tick."""
    monkeypatch.setattr("stream.engine.partition.SWEEP_PER_RECORD", 1)
    monkeypatch.setattr("stream.engine.partition.SWEEP_PER_TICK", 1)


def test_a_sweep_takes_no_more_rows_at_a_tick_than_its_cap(slow_sweep: None):
    lane = Lane(ONE)
    for number in range(10):
        lane.put(f"c{number}", page(START_MS))
    lane.tick(START_MS + 1)
    lane.define(OTHER, START_MS + 1)
    assert [len(lane.tick(START_MS + 2 + n)) for n in range(12)] == [1] * 10 + [0, 0]


def test_a_new_version_in_the_middle_of_a_sweep_waits_its_turn_and_reaches_everyone(
    slow_sweep: None,
):
    lane = Lane(ONE)
    for number in range(5):
        lane.put(f"c{number}", page(START_MS))
    lane.tick(START_MS + 1)
    lane.define(OTHER, START_MS + 1)
    lane.tick(START_MS + 2)
    lane.define(definitions("name: visitor, enter: sessions.count >= 1"), START_MS + 2)
    for n in range(20):
        lane.tick(START_MS + 3 + n)
    for number in range(5):
        assert set(lane.segments(f"c{number}")) == {"visitor"}
    assert not lane.engine.passage.is_open


def test_who_comes_late_and_for_the_first_time_during_a_sweep_is_under_the_new_version(
    slow_sweep: None,
):
    lane = Lane(ONE)
    for number in range(5):
        lane.put(f"c{number}", page(START_MS))
    lane.tick(START_MS + HOUR)
    lane.define(OTHER, START_MS + HOUR)
    assert Turn("late", "guest", True, START_MS, "event") in lane.put(
        "late", identified(START_MS, plan="gold")
    )
    for n in range(10):
        lane.tick(START_MS + HOUR + 1 + n)
    assert set(lane.segments("late")) == {"guest"}


def test_a_customer_who_acts_during_a_sweep_crosses_first(slow_sweep: None):
    lane = Lane(ONE)
    for number in range(5):
        lane.put(f"c{number}", order(START_MS, "1"))
    lane.tick(START_MS + HOUR)
    lane.define(TWO, START_MS + HOUR)
    changes = lane.put("c0", page(START_MS + 2 * HOUR))
    assert Turn("c0", "buyer", False, START_MS + HOUR, "definition") in changes


def test_a_day_closes_only_when_all_rows_have_crossed(slow_sweep: None):
    """Else what the new version counts would be of this day for some and of the next for others."""
    lane = Lane(ONE)
    for number in range(6):
        lane.put(f"c{number}", order(START_MS, "1"))
    lane.tick(START_MS + 1)
    lane.define(definitions("name: it, enter: percentile(orders.count) >= 0.5"), START_MS + 1)
    lane.tick(START_MS + DAY)
    (snapshot,) = lane.effects[-1].population
    assert sum(snapshot.counts["orders.count"].values()) == 6


# -- clusters -------------------------------------------------------------------------------------


def model(*ids: str, spread: float = 0.1) -> bytes:
    """Clusters along the first dimension, number of orders: 0 orders at 0.0, 20 at 1.0."""
    places = [number / max(len(ids) - 1, 1) for number in range(len(ids))]
    rest = (0.0,) * (len(DIMENSIONS) - 1)
    return encode_model(
        ClusterModel(
            features=DIMENSIONS,
            ids=ids,
            names=ids,
            traits=((),) * len(ids),
            centroids=tuple((place, *rest) for place in places),
            weights=(1.0,) * len(ids),
            spreads=(spread,) * len(ids),
            next_number=9,
            as_of_ms=0,
        )
    )


def test_a_model_assigns_those_who_have_behaved_at_its_activation():
    lane = Lane(ONE)
    lane.put("fresh", added(START_MS))
    lane.put("buyer", order(START_MS, "1", channel="store"))
    lane.announce("clusters", model("c1", "c2"), START_MS + 1)
    changes = lane.tick(START_MS + 1)
    assert changes == [Turn("buyer", "cluster:c1", True, START_MS + 1, "model")]
    assert lane.changes[-1].definition == lane.engine.timeline.latest.model_name != ""
    assert lane.row("buyer").cluster == "c1"


def test_a_customer_joins_a_cluster_when_the_first_visit_ends():
    lane = Lane(ONE)
    lane.announce("clusters", model("c1", "c2"), 0)
    lane.put("c", page(START_MS))
    assert lane.tick(START_MS + HOUR) == [
        Turn("c", "cluster:c1", True, START_MS + 30 * MINUTE, "timer")
    ]


def test_a_new_model_moves_customers_out_of_the_old_cluster_first():
    lane = Lane(ONE)
    lane.announce("clusters", model("c1", "c2"), 0)
    lane.put("c", order(START_MS, "1", channel="store"))
    lane.tick(START_MS + HOUR)
    lane.announce("clusters", model("c3", "c4"), START_MS + HOUR)
    lane.tick(START_MS + HOUR + 1)
    assert [(t.segment, t.entered, t.cause) for t in lane.turns if t.segment != "buyer"] == [
        ("cluster:c1", True, "event"),
        ("cluster:c1", False, "model"),
        ("cluster:c3", True, "model"),
    ]


def test_a_cluster_that_lives_on_keeps_its_customers_without_a_word():
    lane = Lane(ONE)
    lane.announce("clusters", model("c1", "c2"), 0)
    lane.put("c", order(START_MS, "1", channel="store"))
    lane.tick(START_MS + HOUR)
    lane.announce("clusters", model("c1", "c2", spread=0.2), START_MS + HOUR)
    assert lane.tick(START_MS + HOUR + 1) == []
    assert lane.engine.members["cluster:c1"] == 1


def test_new_definitions_leave_clusters_alone():
    lane = Lane(ONE)
    lane.announce("clusters", model("c1", "c2"), 0)
    lane.put("c", order(START_MS, "1", channel="store"))
    lane.tick(START_MS + HOUR)
    lane.define(OTHER, START_MS + HOUR)
    lane.tick(START_MS + 2 * HOUR)
    assert "cluster:c1" in lane.segments("c")


# -- the timeline ---------------------------------------------------------------------------------


def test_a_context_is_the_former_one_with_one_thing_exchanged():
    timeline = Timeline()
    first = timeline.announce(version("definitions", ONE))
    second = timeline.announce(version("population", b'{"orders.revenue:0.9":5}', START_MS))
    third = timeline.announce(version("definitions", TWO, START_MS + 1))
    assert (second.pack, second.thresholds) == (first.pack, {"orders.revenue:0.9": 5})
    assert third.thresholds == second.thresholds
    assert third.pack is not first.pack
    assert [timeline.at(t).number for t in (START_MS - 1, START_MS, START_MS + 1)] == [1, 2, 3]


def test_a_version_never_comes_into_force_before_an_earlier_one():
    timeline = Timeline()
    timeline.announce(version("definitions", ONE, START_MS + DAY))
    assert timeline.announce(version("definitions", TWO, START_MS)).active_ms == START_MS + DAY


def test_rows_of_a_finished_sweep_are_all_in_the_swept_context():
    timeline = Timeline()
    timeline.announce(version("definitions", ONE))
    timeline.announce(version("definitions", TWO, START_MS))
    timeline.complete(2)
    assert timeline.of(0) is timeline.of(2)
    assert timeline.after(0) is None
    assert set(timeline.contexts) == {2}


def test_a_kind_of_version_that_a_newer_build_announced_is_refused_by_name():
    with pytest.raises(UnknownVersionError, match="'moods' is unknown"):
        following(Timeline().latest, version("moods", b""))


# -- restore --------------------------------------------------------------------------------------


def test_a_changelog_of_another_incarnation_is_refused():
    engine = PartitionEngine(0, EngineSettings(incarnation="2"))
    engine.restore(META_KEY, pack_meta(Meta(incarnation="1")))
    with pytest.raises(EngineStateError, match="incarnation '1'"):
        engine.restored()


def test_a_meta_record_of_a_newer_format_is_refused():
    engine = PartitionEngine(0, SETTINGS)
    engine.restore(META_KEY, pack_meta(Meta(format=99)))
    with pytest.raises(EngineStateError, match="format 99"):
        engine.restored()


def test_a_meta_record_that_is_none_is_refused():
    engine = PartitionEngine(0, SETTINGS)
    engine.restore(META_KEY, b"\xc1")
    with pytest.raises(EngineStateError, match="does not decode"):
        engine.restored()


def test_a_changelog_without_a_versions_content_is_refused():
    lane = Lane(ONE)
    lane.put("a", page(START_MS))
    engine = PartitionEngine(0, SETTINGS)
    for key, value in lane.changelog.items():
        if not key.startswith(b"\0version/"):
            engine.restore(key, value)
    with pytest.raises(EngineStateError, match="lacks the content of definitions"):
        engine.restored()


def test_a_tombstone_of_the_changelog_takes_its_row_away():
    lane = Lane(ONE)
    lane.put("a", order(START_MS, "1"))
    engine = PartitionEngine(0, SETTINGS)
    for key, value in lane.changelog.items():
        engine.restore(key, value)
    engine.restore(b"a", None)
    engine.restored()
    assert engine.store.get(b"a") is None
    assert engine.members == {}


def test_a_pending_version_is_pending_after_a_restore_too():
    lane = Lane(ONE)
    lane.put("a", order(START_MS, "1"))
    lane.tick(START_MS)
    lane.define(TWO, START_MS + HOUR)
    engine = lane.restored()
    lane.engine = engine
    assert lane.tick(START_MS + 2 * HOUR) == [
        Turn("a", "buyer", False, START_MS + HOUR, "definition")
    ]
