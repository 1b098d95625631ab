from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.clock import NEVER_MS
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
    assert queue.pending == 1
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


def test_far_deadlines_cost_one_slot_in_a_bucket_each():
    queue = TimerQueue()
    for number in range(1000):
        queue.schedule(b"%d" % number, 7 * BUCKET_MS + number)
    assert queue.pending == 1000
    assert len(drain(queue, 8 * BUCKET_MS)) == 1000


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
    assert queue.pending <= len(model)
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
