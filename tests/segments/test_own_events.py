"""Properties of a shop's own events, and what a trait is for who has none, told as stories."""

from __future__ import annotations

import msgspec
import pytest

from stream.events.envelope import decode
from stream.events.records import Custom
from stream.events.traits import OWN_PROPERTIES_MAX
from stream.segments.pack import load_pack
from stream.segments.source import DefinitionError
from tests.engine.lane import Lane, definitions
from tests.state.shopping import DAY, START_MS, head, identified, page


def survey(at_ms: int, **properties: object) -> Custom:
    return Custom(**head(at_ms), name="Survey Answered", properties=properties)


def turns(lane: Lane) -> list[tuple[str, bool, int]]:
    return [(t.segment, t.entered, t.time_ms - START_MS) for t in lane.turns]


def test_the_latest_answer_is_a_number_a_text_or_a_flag_as_it_is_compared():
    lane = Lane(definitions(
        "name: fan, enter: 'last(\"Survey Answered\".nps) >= 9'",
        "name: by_mail, enter: 'last(\"Survey Answered\".medium) == \"email\"'",
        "name: glad, enter: 'last(\"Survey Answered\".glad)'"))  # fmt: skip
    lane.put("a", survey(START_MS, nps="ten", medium=3, glad="maybe"))
    assert turns(lane) == []
    lane.put("a", survey(START_MS + 1, nps=9, medium="email", glad=True))
    assert turns(lane) == [("fan", True, 1), ("by_mail", True, 1), ("glad", True, 1)]
    lane.put("a", survey(START_MS + 2, nps=6))
    assert turns(lane)[3:] == [("fan", False, 2)]


def test_means_sums_and_filters_take_numbers_and_leave_the_rest():
    lane = Lane(definitions(
        "name: pleased, enter: 'avg(\"Survey Answered\".score) >= 4'",
        "name: many, enter: 'sum(\"Survey Answered\".score, where=topic == \"shop\") > 8'",
        "name: wide, enter: 'distinct(\"Survey Answered\".topic) >= 2'",
        "name: low, enter: 'count(\"Survey Answered\", where=score < limit) >= 1'",
        settings="{limit: 4}"))  # fmt: skip
    lane.put("a", survey(START_MS, score=5, topic="shop"), survey(START_MS + 1, score="x"))
    assert turns(lane) == [("pleased", True, 0)]
    lane.put("a", survey(START_MS + 2, score=4, topic="shop"))
    assert turns(lane)[1:] == [("many", True, 2)]
    lane.put("a", survey(START_MS + 3, score=1, topic="parcel"))
    assert set(turns(lane)[2:]) == {("pleased", False, 3), ("wide", True, 3), ("low", True, 3)}


def own(properties: object) -> tuple[dict[str, object], bool]:
    call = {"type": "track", "event": "Mine", "userId": "u", "properties": properties,
            "timestamp": "2026-03-02T00:00:00Z"}  # fmt: skip
    found = decode(msgspec.json.encode(call), 0, None)
    assert isinstance(found.record, Custom)
    return found.record.properties, found.cut


def test_what_is_scalar_is_kept_one_level_of_nesting_made_flat():
    sent = {"a": 1, "b": "x", "c": 1.5, "d": True, "e": None, "f": [1], "g": {"h": 2, "i": {}}}
    assert own(sent) == ({"a": 1, "b": "x", "c": 1.5, "d": True, "g.h": 2}, False)


def test_properties_are_bounded_in_number_and_length():
    found, cut = own({f"p{n}": "y" * 300 for n in range(OWN_PROPERTIES_MAX + 1)})
    assert cut
    assert list(found) == [f"p{n}" for n in range(OWN_PROPERTIES_MAX)]
    assert {len(str(value)) for value in found.values()} == {256}


@pytest.mark.parametrize("properties", [None, [], 3, "x", [{"a": 1}]])
def test_properties_that_are_no_object_are_none(properties: object):
    assert own(properties) == ({}, False)


def test_a_trait_has_its_default_for_who_has_none():
    lane = Lane(definitions(
        "name: guest, enter: 'not trait(\"staff\", false)'",
        "name: minor, enter: 'trait(\"age\", 0) < 18'"))  # fmt: skip
    lane.put("a", page(START_MS))
    assert turns(lane) == [("guest", True, 0), ("minor", True, 0)]
    lane.put("a", identified(START_MS + DAY, staff=True, age=18))
    assert turns(lane)[2:] == [("guest", False, DAY), ("minor", False, DAY)]


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ('trait("staff", 1)', "is a number, and the trait is compared with a flag"),
        ('trait("age", "x") >= 18', "is a text, and the trait is compared with a number"),
        ('trait("age", orders.count) >= 18', "is a number, a text, true or false"),
        ('trait("age", 1, 2) >= 18', "trait() names one"),
        ("last(order_completed.coupon)", "is a text; compare it"),
    ],
)
def test_what_does_not_go_together_is_refused(condition: str, says: str):
    with pytest.raises(DefinitionError, match=r"it\.yaml:3: ") as caught:
        load_pack(definitions(f"name: it, enter: '{condition}'"), "it.yaml")
    assert says in str(caught.value)
