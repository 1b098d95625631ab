from __future__ import annotations

import gc
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.clock import DAY_MS, NEVER_MS
from stream.timers.queue import BUCKET_MS, TimerQueue

MINUTE = 60_000


def drain(queue: TimerQueue, until_ms: int) -> list[tuple[int, bytes]]:
    found = []
    while (entry := queue.due(until_ms)) is not None:
        found.append(entry)
    return found


def test_nothing_is_due_before_its_instant_and_everything_at_it():
    queue = TimerQueue()
    queue.schedule(b"a", 5 * MINUTE)
    assert queue.due(5 * MINUTE - 1) is None
    assert queue.due(5 * MINUTE) == (5 * MINUTE, b"a")
    assert queue.due(NEVER_MS) is None


def test_timers_come_up_in_the_order_of_instant_and_key():
    queue = TimerQueue()
    for key, due_ms in ((b"c", 20), (b"b", 90 * MINUTE), (b"a", 90 * MINUTE), (b"d", 3 * MINUTE)):
        queue.schedule(key, due_ms)
    assert drain(queue, 100 * MINUTE) == [
        (20, b"c"), (3 * MINUTE, b"d"), (90 * MINUTE, b"a"), (90 * MINUTE, b"b"),
    ]  # fmt: skip


def test_a_timer_scheduled_behind_the_horizon_still_comes_in_its_turn():
    queue = TimerQueue()
    queue.schedule(b"late", 10 * MINUTE + 5)
    assert queue.due(10 * MINUTE) is None
    queue.schedule(b"early", 10 * MINUTE + 1)
    queue.schedule(b"past", 1)
    assert drain(queue, 11 * MINUTE) == [
        (1, b"past"), (10 * MINUTE + 1, b"early"), (10 * MINUTE + 5, b"late"),
    ]  # fmt: skip


def test_what_never_happens_is_not_kept():
    queue = TimerQueue()
    queue.schedule(b"a", NEVER_MS)
    assert queue.pending == 0
    assert queue.due(NEVER_MS) is None


def test_equal_entries_of_a_key_come_up_once():
    queue = TimerQueue()
    for _ in range(3):
        queue.schedule(b"a", MINUTE)
    assert drain(queue, MINUTE) == [(MINUTE, b"a")]
    assert queue.pending == 0


def test_a_cleared_queue_is_empty_and_of_use():
    queue = TimerQueue()
    queue.schedule(b"a", MINUTE)
    queue.due(0)
    queue.clear()
    assert (queue.pending, queue.due(NEVER_MS)) == (0, None)
    queue.schedule(b"b", 1)
    assert queue.due(1) == (1, b"b")


def test_a_far_deadline_takes_little_more_than_its_key():
    queue = TimerQueue()
    gc.collect()
    tracemalloc.start()
    for number in range(20_000):
        queue.schedule(b"%024d" % number, 7 * BUCKET_MS + number)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert queue.pending == 20_000
    assert taken / 20_000 < 24 + 4 + 8
    assert len(drain(queue, 8 * BUCKET_MS)) == 20_000


def test_a_deadline_scheduled_again_and_again_takes_the_room_of_a_few():
    queue = TimerQueue()
    keys = [b"customer-%d" % n for n in range(50)]
    for _ in range(1_000):
        for number, key in enumerate(keys):
            queue.schedule(key, 30 * DAY_MS + number)
    assert queue.pending <= 4 * len(keys)
    expected = [(30 * DAY_MS + number, key) for number, key in enumerate(keys)]
    assert drain(queue, 31 * DAY_MS) == expected
    assert queue.pending == 0


def test_keys_are_any_bytes_and_instants_the_whole_minute():
    queue = TimerQueue()
    keys = [b"", b"\0\0\0", bytes(range(256)) * 8, b"a", b"ab"]
    expected = [(MINUTE + at, key) for at in (0, 255, 59_999) for key in sorted(keys)]
    for due_ms, key in reversed(expected):
        queue.schedule(key, due_ms)
    assert drain(queue, 2 * MINUTE) == expected


def test_a_long_way_is_gone_minute_by_minute():
    """A clock that jumps over a month does not put the month into the heap at once."""
    queue = TimerQueue()
    for minute in range(1, 2_000):
        queue.schedule(b"a", minute * MINUTE)
    assert queue.due(NEVER_MS) == (MINUTE, b"a")
    queue.schedule(b"b", 3 * MINUTE)
    queue.schedule(b"c", 1)
    found = drain(queue, NEVER_MS)
    assert found[:4] == [(1, b"c"), (2 * MINUTE, b"a"), (3 * MINUTE, b"a"), (3 * MINUTE, b"b")]
    assert len(found) == 2_000
    assert queue.pending == 0


# Commands: schedule a key at an instant, or advance the clock and take at most so many.
schedules = st.tuples(
    st.just("schedule"), st.sampled_from([b"a", b"b", b"c", b"d"]), st.integers(0, 6 * MINUTE)
)
advances = st.tuples(st.just("advance"), st.integers(0, 90_000), st.integers(1, 4))


@given(st.lists(st.one_of(schedules, advances), max_size=60))
@settings(derandomize=True, max_examples=300, deadline=None)
def test_it_gives_what_a_sorted_list_gives(commands):
    queue, model, now_ms = TimerQueue(), [], 0
    for command, one, two in commands:
        if command == "schedule":
            queue.schedule(one, two)
            model.append((two, one))
            continue
        now_ms += one
        for _ in range(two):
            due = sorted(entry for entry in model if entry[0] <= now_ms)
            expected = due[0] if due else None
            assert queue.due(now_ms) == expected
            model = [entry for entry in model if entry != expected]
    assert queue.pending >= len(set(model))
    assert drain(queue, NEVER_MS) == sorted(set(model))


@given(
    st.lists(
        st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(1, 10 * MINUTE)), max_size=40
    )
)
@settings(derandomize=True, max_examples=200, deadline=None)
def test_of_each_key_the_latest_schedule_is_among_what_comes_up(schedule):
    """An owner that drops what no longer equals its own timer wakes exactly on time."""
    queue, own = TimerQueue(), {}
    for key, due_ms in schedule:
        own[key] = due_ms
        queue.schedule(key, due_ms)
    woken = {key: due_ms for due_ms, key in drain(queue, NEVER_MS) if own[key] == due_ms}
    assert woken == own
