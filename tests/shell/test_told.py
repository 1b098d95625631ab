"""What readers know by the memberships, whichever run has told them."""

from stream.events.changes import Membership
from stream.events.cloudevent import encode_membership
from stream.events.published import decode_membership
from stream.shell.told import Told, newest_of


def told(sequence: int, *segments: str):
    since_ms = dict.fromkeys(segments, 1_767_225_600_000)
    return decode_membership(encode_membership(Membership("kim", since_ms, sequence, 1)))


def test_who_has_moved_at_a_former_growth_is_known_by_the_newest_memberships():
    old, new = told(9, "cart"), told(11, "buyer")
    for places in ({1: {b"kim": old}, 5: {b"kim": new}}, {5: {b"kim": new}, 1: {b"kim": old}}):
        assert newest_of(places, 100) == {b"kim": Told(5, new.since, new.since)}


def test_what_a_switch_has_told_is_not_what_the_former_run_knew():
    now = told(100, "cart")
    assert newest_of({2: {b"kim": now}}, 100) == {b"kim": Told(2, now.since, {})}
