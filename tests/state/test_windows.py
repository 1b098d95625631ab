"""Windows against a plain list of all events, quantised alike."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS, NEVER_MS
from stream.state import windows
from stream.state.kept import Buckets, Kept, Steps, Tally, Values
from stream.state.merge_windows import merge_kept
from stream.state.windows import Span

SPANS = st.sampled_from(
    [
        Span(within, before, windows.resolution_ms(within))
        for within in (MINUTE_MS, HOUR_MS, 7 * DAY_MS, 90 * DAY_MS)
        for before in (0, within // 2, 2 * within)
    ]
)


def expected(events: list[tuple[int, int]], now_ms: int, span: Span) -> tuple[int, int]:
    """Count and sum of (time, value) by the definition: each counts from its bucket's end."""
    count = total = 0
    for time_ms, value in events:
        end_ms = time_ms - time_ms % span.resolution_ms + span.resolution_ms
        begun = not span.before_ms or end_ms + span.before_ms <= now_ms
        if begun and now_ms < end_ms + span.before_ms + span.within_ms:
            count, total = count + 1, total + value
    return count, total


def kept_of(span: Span, events: list[tuple[int, int]]) -> tuple[Kept | None, int]:
    """What a row keeps of events in the order of their arrival, and its own time."""
    kept: Kept | None = None
    row_ms = 0
    for time_ms, value in events:
        row_ms = max(row_ms, time_ms)
        reach = span.within_ms + span.before_ms
        kept = windows.add_to_bucket(kept, time_ms, row_ms, reach, span.resolution_ms, value)
    return kept, row_ms


def read(kept: Kept | None, now_ms: int, span: Span) -> tuple[int, int]:
    return windows.count_within(kept, now_ms, *span), windows.total_within(kept, now_ms, *span)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Span, list[tuple[int, int]]]:
    """A span and events over four times its length, in the order of their arrival."""
    span = draw(SPANS)
    start = draw(st.integers(10**12, 10**12 + 10**9))
    offsets = st.integers(0, 4 * (span.within_ms + span.before_ms))
    values = st.integers(-(10**9), 10**12)
    return span, [(start + at, value) for at, value in draw(st.lists(st.tuples(offsets, values)))]


@given(histories(), st.data())
def test_a_window_has_what_a_list_of_all_events_has(
    history: tuple[Span, list[tuple[int, int]]], data: st.DataObject
) -> None:
    span, events = history
    kept, row_ms = kept_of(span, events)
    ahead = data.draw(st.lists(st.integers(0, 2 * (span.within_ms + span.before_ms)), max_size=5))
    for now_ms in (row_ms, *(row_ms + more for more in ahead)):
        assert read(kept, now_ms, span) == expected(events, now_ms, span)


@given(histories())
def test_time_alone_changes_a_window_at_the_told_instants_and_at_no_other(
    history: tuple[Span, list[tuple[int, int]]],
) -> None:
    span, events = history
    kept, row_ms = kept_of(span, events)
    ends = {t - t % span.resolution_ms + span.resolution_ms for t, _ in events}
    instants = {end + span.before_ms + span.within_ms for end in ends}
    if span.before_ms:
        instants |= {end + span.before_ms for end in ends}
    told, at_ms = [], row_ms
    while (at_ms := windows.turns_ms(kept, at_ms, *span)) < NEVER_MS:
        told.append(at_ms)
    assert told == sorted(instant for instant in instants if instant > row_ms)
    for one, next_one in pairwise([row_ms, *told]):
        assert read(kept, one, span) == read(kept, next_one - 1, span)


@given(histories(), st.randoms(use_true_random=False))
def test_neither_order_nor_a_merge_changes_a_window(
    history: tuple[Span, list[tuple[int, int]]], random: object
) -> None:
    span, events = history
    if not events:
        return
    now_ms = max(time_ms for time_ms, _ in events)
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    half = len(shuffled) // 2
    parts: list[Kept | None] = [None, None]
    for number, (time_ms, value) in enumerate(shuffled):
        side = int(number >= half)
        parts[side] = windows.add_to_bucket(
            parts[side], time_ms, now_ms, NEVER_MS, span.resolution_ms, value
        )
    assert parts[1] is not None
    joined = merge_kept(parts[0], parts[1])
    assert read(joined, now_ms, span) == expected(events, now_ms, span)


def test_a_window_has_at_most_its_buckets() -> None:
    kept: Kept | None = None
    span = Span(90 * DAY_MS, 0, windows.resolution_ms(90 * DAY_MS))
    for hour in range(400 * 24):
        kept = windows.add_to_bucket(
            kept, hour * HOUR_MS, hour * HOUR_MS, span.within_ms, span.resolution_ms, 1
        )
        assert isinstance(kept, Buckets)
        assert len(kept.numbers) <= windows.BUCKETS_MAX


@pytest.mark.parametrize(
    "within_ms", [1000, MINUTE_MS, HOUR_MS, DAY_MS, 30 * DAY_MS, 366 * DAY_MS, 1830 * DAY_MS]
)
def test_the_resolution_is_a_24th_of_the_window_or_finer(within_ms: int) -> None:
    step_ms = windows.resolution_ms(within_ms)
    assert within_ms / step_ms <= windows.BUCKETS_MAX
    assert step_ms <= max(1000, within_ms / 24)


STEP = st.tuples(st.booleans(), st.integers(1, 50))


@given(st.lists(STEP, max_size=windows.STEPS_MAX), st.integers(1, 20), st.randoms())
def test_a_sequence_is_done_by_the_latest_pair_whatever_the_order(
    steps: list[tuple[bool, int]], within_ms: int, random: object
) -> None:
    shuffled = list(steps)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    kept: Kept | None = None
    for is_second, time_ms in shuffled:
        kept = windows.add_step(kept, time_ms, is_second=is_second, within_ms=within_ms)
    firsts = [time_ms for is_second, time_ms in steps if not is_second]
    seconds = [time_ms for is_second, time_ms in steps if is_second]
    pairs = [b for b in seconds if any(0 <= b - a <= within_ms for a in firsts)]
    assert windows.done_ms_of(kept) == max(pairs, default=None)
    latest = max(firsts, default=None)
    waits = latest is not None and not any(b >= latest for b in seconds)
    ends_ms = latest + within_ms if waits and latest is not None else None
    assert windows.lapsed_ms_of(kept, NEVER_MS) == ends_ms
    if ends_ms is not None:
        assert windows.lapsed_ms_of(kept, ends_ms - 1) is None
        assert windows.waits_until_ms(kept, ends_ms - 1) == ends_ms


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 10**6))), st.randoms())
def test_distinct_values_count_until_their_bucket_is_too_old(
    seen: list[tuple[str, int]], random: object
) -> None:
    within_ms, step_ms = 100_000, 2_000
    shuffled = list(seen)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    kept: Kept | None = None
    for value, time_ms in shuffled:
        kept = windows.add_value(kept, time_ms, value, step_ms)
    for now_ms in (10**6, 10**6 + 50_000, 10**6 + 150_000):
        live = {v for v, t in seen if t - t % step_ms + step_ms + within_ms > now_ms}
        assert windows.distinct_of(kept, now_ms, within_ms) == len(live)


def test_of_too_many_values_the_longest_unseen_goes() -> None:
    kept: Kept | None = None
    for number in range(windows.DISTINCT_MAX + 3):
        kept = windows.add_value(kept, number, f"v{number}", 0)
    assert isinstance(kept, Values)
    assert set(kept.latest) == {f"v{n}" for n in range(3, windows.DISTINCT_MAX + 3)}


def test_a_tally_keeps_both_ends_whatever_the_order() -> None:
    events = [(5, 50, "b"), (1, 10, "a"), (9, 90, "c")]
    for order in (events, events[::-1]):
        kept: Kept | None = None
        for time_ms, total, value in order:
            kept = windows.tally(kept, time_ms, total, value)
        assert kept == Tally(3, 150, 1, 9, "a", "c")


def test_merged_tallies_and_steps_are_as_of_one_row() -> None:
    one = windows.tally(windows.tally(None, 5, 1, "x"), 7, 1, "y")
    assert merge_kept(one, Tally(1, 4, 2, 2, "w", "w")) == Tally(3, 6, 2, 7, "w", "y")
    first = windows.add_step(None, 10, is_second=False, within_ms=5)
    second = windows.add_step(None, 14, is_second=True, within_ms=5)
    assert merge_kept(first, second) == Steps(5, [10], [14], 14)


def test_sums_stay_within_64_bits() -> None:
    kept: Kept | None = None
    window: Kept | None = None
    for _ in range(5):
        kept = windows.tally(kept, 1, 2**62 - 1, None)
        window = windows.add_to_bucket(window, 1, 1, DAY_MS, HOUR_MS, -(2**62) + 1)
    for one, other in ((kept, kept), (window, window)):
        assert one is not None
        assert other is not None
        for each in (one, merge_kept(one, other)):
            assert msgspec.msgpack.decode(msgspec.msgpack.encode(each), type=type(each)) == each
    assert windows.total_of(kept) == 2**62
    assert windows.total_within(window, 2, DAY_MS, 0, HOUR_MS) == -(2**62)


@given(histories(), st.integers(0, 6))
def test_a_count_falls_below_a_number_at_the_told_instant(
    history: tuple[Span, list[tuple[int, int]]], need: int
) -> None:
    span, events = history
    kept, row_ms = kept_of(span, events)
    told_ms = windows.falls_ms(kept, row_ms, *span, need)
    at_ms, now = row_ms, expected(events, row_ms, span)[0] >= need
    while (at_ms := windows.turns_ms(kept, at_ms, *span)) < min(told_ms, NEVER_MS):
        assert (expected(events, at_ms, span)[0] >= need) == now
    if told_ms < NEVER_MS and not span.before_ms:
        assert (expected(events, told_ms, span)[0] >= need) != now


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 10**6))), st.integers(0, 7))
def test_different_values_fall_below_a_number_at_the_told_instant(
    seen: list[tuple[str, int]], need: int
) -> None:
    within_ms, step_ms, now_ms = 100_000, 2_000, 10**6
    kept: Kept | None = None
    for value, time_ms in seen:
        kept = windows.add_value(kept, time_ms, value, step_ms)

    def count(at_ms: int) -> int:
        return len({v for v, t in seen if t - t % step_ms + step_ms + within_ms > at_ms})

    told_ms = windows.distinct_falls_ms(kept, now_ms, within_ms, need)
    if told_ms < NEVER_MS:
        assert count(now_ms) >= need > count(told_ms)
        assert count(told_ms - 1) >= need
    else:
        assert count(now_ms) < need or need == 0
