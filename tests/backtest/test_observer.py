"""The observer over several segments."""

from __future__ import annotations

from stream.clock import DAY_MS
from tests.backtest.watched import DAY0, watched

CHANGES = ("a +x 0", "b +x 0.5", "c +x 1", "a +y 1", "d +y 2", "b -x 2", "c +z 2", "c -z 3")


def test_overlap_is_of_the_members_at_the_end():
    """x holds a and c, y holds a and d, z nobody."""
    assert watched(CHANGES).overlaps(["x", "y", "z"]) == {
        "x": {"y": 0.5, "z": 0.0},
        "y": {"x": 0.5, "z": 0.0},
    }


def test_figures_are_in_the_order_asked_for_and_know_empty_segments():
    found = watched(CHANGES).figures(["z", "none", "x"], DAY0, DAY0 + 3 * DAY_MS)
    assert [(f.segment, f.entries, f.members) for f in found] == [
        ("z", 1, 0), ("none", 0, 0), ("x", 3, 2),
    ]  # fmt: skip


def test_an_exit_with_cause_merge_is_no_end_of_a_stay():
    found = watched(("a +x 0", "a -x 1 merge")).figures(["x"], DAY0, DAY0 + DAY_MS)[0]
    assert (found.exits, found.merged_exits, found.stays) == (1, 1, 0)


def test_the_latest_turn_is_kept_with_its_evidence_where_asked_for():
    turns = watched(CHANGES, explained=frozenset({"x"})).turns
    assert set(turns) == {"x"}
    assert {c: (t.entered, t.evidence[0].leaf) for c, t in turns["x"].items()} == {
        "a": (True, "of a +x 0"),
        "b": (False, "of b -x 2"),
        "c": (True, "of c +x 1"),
    }


def test_it_knows_when_the_first_and_the_last_change_of_its_period_was():
    observer = watched(CHANGES, start=0.75)
    assert (observer.first_ms, observer.last_ms) == (DAY0 + DAY_MS, DAY0 + 3 * DAY_MS)


def test_without_evidence_it_holds_customers_and_days_and_not_changes():
    """A thousand turns of one customer on one day."""
    texts = [f"a {sign}x {n / 1000}" for n, sign in enumerate("+-" * 500)]
    stays = watched(texts, explained=frozenset()).stays["x"]
    held = (
        stays.since_ms,
        stays._left_ms,
        stays._entered,
        stays._exited,
        stays._durations._buckets,
    )
    assert sum(map(len, held)) <= 4
