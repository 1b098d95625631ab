import io

import msgspec
import pytest
from rich.console import Console

from stream.cli import demo_view as view
from stream.cli.demo_board import Board, Sample
from stream.events.changes import Leaf, Membership, SegmentChanged
from stream.events.cloudevent import encode_change, encode_membership

CHANGE = SegmentChanged(
    id="1", customer="c-0042", segment="abandoned_cart", entered=True, time_ms=1_795_256_100_000,
    sequence=1, definition="d", cause="timer",
    evidence=(
        Leaf("cart.items > 0", True, True, 2),
        Leaf("since(cart.last_activity) >= 1 * HOUR", False, True, 3600),
    ),
    next_flip_ms=None, segments=(), historic=False, initial=False, valid_until_ms=None,
    control=False, action={},
)  # fmt: skip
NOW_MS = 1_795_256_100_000
WHY = "timer: since(cart.last_activity) >= 1 * HOUR (1 h)"


def members(*segments: str) -> bytes:
    return encode_membership(Membership("c", dict.fromkeys(segments, 0), 1, 0))


def filled() -> Board:
    board = Board(started_s=0.0)
    board.see_change(encode_change(CHANGE, "shop"))
    for number, segments in enumerate((["regular", "abandoned_cart"], ["regular"])):
        board.see_membership(str(number).encode(), members(*segments))
    board.see_progress(Sample(0.0, 0, 900, 0, 0))
    board.see_progress(Sample(1.0, NOW_MS, 2_000, 1_500, NOW_MS))
    return board


def drawn(board: Board, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(view.picture(board, width, height, now_s=2.0))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60)])
def test_the_picture_fits_its_screen_and_shows_rate_clock_segments_and_reason(width, height):
    lines = drawn(filled(), width, height)
    text = "\n".join(lines)
    assert len(lines) == height
    assert max(map(len, lines)) == width
    for part in ("1,500 events/s", "2 customers", "21 Nov 2026 10:15:00", "c-0042", WHY):
        assert part in text
    assert any("regular" in line and line.split("│")[1].split()[-1] == "2" for line in lines)


def test_an_empty_board_can_be_drawn():
    assert "none yet" in "\n".join(drawn(Board(started_s=0.0), 80, 24))


def test_more_segments_than_lines_are_summed_up():
    board = Board(started_s=0.0)
    names = [f"segment_{number:02d}" for number in range(50)]
    board.see_membership(b"a", members(*names))
    text = "\n".join(drawn(board, 120, 24))
    shown = text.count("segment_")
    assert f"and {50 - shown} more" in text


def test_a_plain_line_tells_when_who_what_and_why():
    change = filled().recent[0]
    assert (
        view.plain_line(change) == f"2026-11-21T10:15:00.000Z c-0042 entered abandoned_cart ({WHY})"
    )


def test_the_reason_without_evidence_is_the_cause():
    bare = msgspec.structs.replace(CHANGE, evidence=())
    assert view.reason(Board(0.0).see_change(encode_change(bare, "shop"))) == "timer"


def test_the_summary_counts_the_kinds_of_changes():
    text = view.summary(filled(), now_s=3.0)
    assert "1,500 events of 2 customers, 1 changes (1 live) of 1 kinds, 1 segments entered" in text
    assert "abandoned_cart entered" in text


def test_a_count_within_a_time_is_told_as_a_number_and_a_time_as_one():
    leaves = (
        Leaf("count(product_viewed, within=30 * DAY, where=price > 5) >= 2", False, True, 2),
        Leaf("sessions.time > 30 * MINUTE", False, True, 3600),
    )
    told = []
    for leaf in leaves:
        change = msgspec.structs.replace(CHANGE, cause="event", evidence=(leaf,))
        told.append(view.reason(Board(0.0).see_change(encode_change(change, "shop"))))
    assert told == [f"event: {leaves[0].leaf} (2)", f"event: {leaves[1].leaf} (1 h)"]
