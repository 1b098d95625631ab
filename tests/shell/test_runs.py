"""What a new run hears of the former one."""

from types import SimpleNamespace

from stream.engine.meta import ERASED_PREFIX
from stream.events.changes import Membership
from stream.events.cloudevent import encode_membership
from stream.events.published import decode_membership
from stream.shell.runs import Progress, hear, newest_of


def told(sequence: int, *segments: str):
    since_ms = dict.fromkeys(segments, 1_767_225_600_000)
    return decode_membership(encode_membership(Membership("kim", since_ms, sequence, 1)))


def record(partition: int, key: bytes, value: bytes | None, at_ms: int) -> SimpleNamespace:
    return SimpleNamespace(partition=partition, key=key, value=value, timestamp=at_ms)


def test_who_has_moved_at_a_former_growth_is_known_by_the_newest_memberships():
    old, new = told(9, "cart"), told(11, "buyer")
    for places in ({1: {b"kim": old}, 5: {b"kim": new}}, {5: {b"kim": new}, 1: {b"kim": old}}):
        assert newest_of(places) == {b"kim": (5, new.since)}


def test_of_a_markers_copies_the_newest_counts_whichever_is_read_first():
    key = ERASED_PREFIX + b"digest"
    stale, fresh = record(0, key, b"stale", 5), record(3, key, b"fresh", 8)
    for records in ([stale, fresh], [fresh, stale]):
        progress = Progress()
        hear(progress, {}, records)
        assert progress.erased == {key: b"fresh"}


def test_a_marker_that_is_gone_stays_gone():
    key = ERASED_PREFIX + b"digest"
    progress = Progress()
    hear(progress, {}, [record(3, key, None, 8), record(0, key, b"stale", 5)])
    assert progress.erased == {key: None}
