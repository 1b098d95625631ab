from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.state.dedupe import DEDUPE_IDS_MAX, is_duplicate, merge_ids, remember
from stream.state.row import Row
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS


def test_an_id_is_a_duplicate_from_the_first_time_on():
    row = Row()
    assert not is_duplicate(row, 7)
    assert remember(row, 7, START_MS)
    assert is_duplicate(row, 7)
    assert not is_duplicate(row, 8)


@given(
    st.lists(st.integers(0, 4 * DAY), min_size=1, max_size=60).map(sorted),
)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_every_id_of_the_last_day_is_known(times: list[int]):
    row = Row()
    for number, time_ms in enumerate(times):
        remember(row, number, START_MS + time_ms)
        known = [n for n, at in enumerate(times[: number + 1]) if time_ms - at < DAY]
        assert all(is_duplicate(row, n) for n in known)


def test_an_id_is_forgotten_after_two_days_of_the_customers_own_time():
    row = Row()
    remember(row, 1, START_MS)
    remember(row, 2, START_MS + 2 * DAY)
    assert not is_duplicate(row, 1)


def test_more_ids_in_a_day_than_the_bound_are_said_to_be_shed():
    row = Row()
    kept = [remember(row, number, START_MS + number) for number in range(2 * DEDUPE_IDS_MAX + 1)]
    assert kept.count(False) == 2
    assert len(row.ids) <= 2 * DEDUPE_IDS_MAX
    assert is_duplicate(row, 2 * DEDUPE_IDS_MAX)
    assert not is_duplicate(row, 0)


def test_ids_travel_with_a_merge():
    row, other = Row(), Row()
    remember(row, 1, START_MS)
    remember(other, 2, START_MS)
    merge_ids(row, other)
    assert is_duplicate(row, 1)
    assert is_duplicate(row, 2)


def test_ids_merged_into_a_row_without_events_outlive_its_first_event():
    row, other = Row(), Row()
    remember(other, 2, START_MS)
    merge_ids(row, other)
    remember(row, 3, START_MS + MINUTE)
    assert is_duplicate(row, 2)


@given(
    st.lists(st.integers(0, 3 * DAY), max_size=30).map(sorted),
    st.lists(st.integers(0, 3 * DAY), max_size=30).map(sorted),
    st.lists(st.integers(0, 2 * DAY), max_size=10).map(sorted),
)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_every_id_of_the_last_day_is_known_after_a_merge_too(
    mine: list[int], theirs: list[int], after: list[int]
):
    row, other, seen = Row(), Row(), []
    for target, times, base in ((row, mine, 0), (other, theirs, 1000)):
        for number, time_ms in enumerate(times):
            remember(target, base + number, START_MS + time_ms)
            seen.append((base + number, time_ms))
    merge_ids(row, other)
    now_ms = max([time_ms for _, time_ms in seen], default=0)
    for number, delay_ms in enumerate([0, *after]):
        time_ms = now_ms + delay_ms
        remember(row, 5000 + number, START_MS + time_ms)
        known = [n for n, at in seen if time_ms - at < DAY]
        assert all(is_duplicate(row, n) for n in known)


def test_merging_many_rows_keeps_the_ids_bounded():
    row = Row()
    for source in range(8):
        other = Row()
        for number in range(DEDUPE_IDS_MAX):
            remember(other, source * 10_000 + number, START_MS + HOUR * source)
        merge_ids(row, other)
    assert len(row.ids) <= 4 * DEDUPE_IDS_MAX
    assert is_duplicate(row, 70_000)
