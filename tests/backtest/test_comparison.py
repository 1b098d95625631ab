"""Edits of definition files, and the difference that they make."""

from __future__ import annotations

from stream.backtest.comparison import compare, edited_settings, edits
from stream.backtest.observer import Observer
from stream.clock import DAY_MS
from stream.segments.pack import Pack, load_pack
from stream.segments.source import Source
from tests.backtest.watched import DAY0, watched

OLD = """\
settings: {many: 2}
segments:
  - {name: buyer, purpose: p, enter: orders.count >= 1}
  - {name: fan, purpose: p, enter: orders.count >= many}
  - {name: gone, purpose: p, enter: orders.count >= 9}
"""


def kinds(old: str, new: str) -> dict[str, str]:
    one, other = load_pack(old.encode()), load_pack(new.encode())
    found = edits((one.definitions, one.versions), (other.definitions, other.versions))
    return {edit.segment: edit.kind for edit in found}


def test_the_same_file_has_no_edit():
    assert kinds(OLD, f"# a comment\n{OLD}") == {"buyer": "same", "fan": "same", "gone": "same"}


def test_definitions_are_changed_new_and_removed():
    new = OLD.replace("orders.count >= 1", "orders.count >= 1 and cart.items <= 0").replace(
        "name: gone", "name: came"
    )
    assert kinds(OLD, new) == {"buyer": "changed", "fan": "same", "came": "new", "gone": "removed"}


def test_an_edited_setting_is_a_new_version_of_who_names_it():
    new = OLD.replace("many: 2", "many: 3")
    assert kinds(OLD, new) == {"buyer": "same", "fan": "settings", "gone": "same"}
    documents = [Source(text.encode(), "f").document() for text in (OLD, new)]
    assert edited_settings(*(d.settings for d in documents)) == {"many": (2, 3)}


def test_settings_that_come_and_go_are_edited():
    assert edited_settings({"a": 1, "b": 2}, {"b": 2, "c": 3}) == {"a": (1, None), "c": (None, 3)}


def test_the_order_in_an_exclusive_group_is_an_edit():
    group = [f"{{name: s{n}, group: g, purpose: p, enter: orders.count >= {n}}}" for n in range(3)]
    assert kinds(f"[{', '.join(group)}]", f"[{group[1]}, {group[0]}, {group[2]}]") == {
        "s0": "moved", "s1": "moved", "s2": "same",
    }  # fmt: skip


def test_edited_fields_are_named_with_both_values():
    old = load_pack(b"[{name: s, purpose: p, enter: orders.count >= 1}]")
    new = load_pack(b"[{name: s, purpose: p, enter: orders.count >= 2, priority: 60}]")
    (edit,) = edits((old.definitions, old.versions), (new.definitions, new.versions))
    assert edit.fields == {
        "enter": ("orders.count >= 1", "orders.count >= 2"),
        "priority": (50, 60),
    }


def difference(old: Observer, new: Observer, examples: int = 9, days: int = 3):
    pack: Pack = load_pack(b"[{name: x, purpose: p, enter: orders.count >= 1}]")
    edited = edits((pack.definitions, pack.versions), (pack.definitions, pack.versions))
    sides = [
        (o, {f.segment: f for f in o.figures(["x"], DAY0, DAY0 + days * DAY_MS)})
        for o in (old, new)
    ]
    (found,) = compare(edited, *sides, examples)
    return found


def test_who_joins_and_who_leaves_with_the_evidence():
    """stay is in both; came only in new; went left under new; never was in under old alone."""
    old = watched(("stay +x 0", "went +x 0", "never +x 1"))
    new = watched(("stay +x 0", "went +x 0", "went -x 2", "came +x 2"))
    found = difference(old, new)
    assert (found.members_old, found.members_new, found.joins, found.leaves) == (3, 2, 1, 2)
    assert (found.entries_old, found.entries_new, found.exits_old, found.exits_new) == (3, 3, 0, 1)
    told = [(e.customer, e.story, e.turn.evidence[0].leaf) for e in found.joiners if e.turn]
    assert told == [("came", "entered", "of came +x 2")]
    left = {e.customer: (e.story, e.turn.evidence[0].leaf) for e in found.leavers if e.turn}
    assert left == {
        "went": ("left", "of went -x 2"),
        "never": ("never", "of never +x 1"),
    }


def test_net_size_is_new_less_old_at_each_days_end():
    old = watched(("a +x 0", "b +x 1", "b -x 3"))
    new = watched(("a +x 2", "c +x 3"))
    assert difference(old, new).net_size == (-1, -2, -1, 1)


def test_examples_are_as_many_as_asked_for_and_always_the_same_ones():
    old, new = watched(()), watched([f"c{n} +x 0" for n in range(50)])
    found = difference(old, new, examples=4)
    again = difference(old, watched([f"c{49 - n} +x 0" for n in range(50)]), examples=4)
    assert (found.joins, len(found.joiners)) == (50, 4)
    assert [e.customer for e in found.joiners] == [e.customer for e in again.joiners]
