import pytest

from stream.cli.demo_board import Board, Sample
from stream.events.changes import Membership, SegmentChanged
from stream.events.cloudevent import encode_change, encode_membership


def change(segment: str, kind: str = "entered", cause: str = "event", historic: bool = False):
    return encode_change(
        SegmentChanged(
            id="1", customer="c-1", segment=segment, entered=kind == "entered", time_ms=5,
            sequence=1, definition="d", cause=cause, evidence=(), next_flip_ms=None, segments=(),
            historic=historic, initial=False, valid_until_ms=None, control=False, action={},
        ),
        "shop",
    )  # fmt: skip


def members(*segments: str) -> bytes:
    return encode_membership(Membership("c", dict.fromkeys(segments, 0), 1, 0))


def test_a_customer_who_moves_is_counted_where_it_is_now():
    board = Board(started_s=0.0)
    board.see_membership(b"a", members("loyal", "heavy_user"))
    board.see_membership(b"b", members("loyal"))
    board.see_membership(b"a", members("at_risk"))
    assert {name: n for name, n in board.segments.items() if n} == {"loyal": 1, "at_risk": 1}
    assert board.customers_count == 2


def test_a_tombstone_takes_the_customer_out_of_every_segment():
    board = Board(started_s=0.0)
    board.see_membership(b"a", members("loyal"))
    board.see_membership(b"a", None)
    assert +board.segments == {}


def test_kinds_tell_entering_from_leaving_and_live_from_historic():
    board = Board(started_s=0.0)
    for value in (
        change("loyal"),
        change("loyal", "exited", "timer"),
        change("loyal", historic=True),
    ):
        board.see_change(value)
    assert board.kinds == {("loyal", True): 2, ("loyal", False): 1}
    assert board.causes == {"event": 2, "timer": 1}
    assert (board.changes_count, board.live_changes_count) == (3, 2)


def test_the_rate_is_that_of_the_last_two_seconds():
    board = Board(started_s=0.0)
    for at_s, done in ((0.0, 0), (1.0, 9_000), (2.0, 10_000), (3.0, 12_000)):
        board.see_progress(Sample(at_s, 0, 20_000, done, 0))
    # From second 1 to second 3: 3,000 events.
    assert board.rate() == pytest.approx(1_500)
    # One second back from second 2, and from second 3.
    assert board.rates(2) == [pytest.approx(1_000), pytest.approx(2_000)]


def test_without_a_sample_there_is_no_rate():
    board = Board(started_s=5.0)
    assert board.rate() == 0.0
    board.see_progress(Sample(6.0, 0, 1, 1, 0))
    assert board.rate() == 0.0


def test_the_stage_follows_the_worker_and_its_clock():
    board = Board(started_s=0.0)
    assert board.stage == "starting"
    now_ms = 1_795_256_100_000
    board.see_progress(Sample(1.0, now_ms, 100, 50, now_ms - 86_400_000))
    assert board.stage == "history"
    board.see_progress(Sample(2.0, now_ms, 100, 100, now_ms - 6_000))
    assert board.stage == "live"
