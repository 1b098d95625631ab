"""What a row keeps of its past for conditions: counts and sums, by time where it matters.

A window counts in buckets of `resolution_ms`, at most `BUCKETS_MAX` for its length: an event counts
for `within` from the end of its bucket. So a window is exact to its resolution, an event is never
gone too soon, and what is kept does not grow with what happens. Sums are integers (money in
micros, other numbers in millionths), so that neither order nor batching changes a digit, and two
rows of one person add up.

Every function here takes `None` for what the row has never seen. What it looks like: kept.py; how
large it can get: room.py.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final, NamedTuple

from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS, NEVER_MS, SECOND_MS
from stream.state.kept import Buckets, Kept, Steps, Tally, Value, Values
from stream.state.room import DISTINCT_MAX, STEPS_MAX, kept_text, within_bits
from stream.state.shed import shed

BUCKETS_MAX: Final = 64
"""Buckets of one length; 19 bytes each in a row at most (number 5, count 5, sum 9), usually 8."""

SPAN_BUCKETS_MAX = 4 * BUCKETS_MAX
"""Buckets of a window that begins some lengths ago."""

RESOLUTIONS_MS = (
    *(n * SECOND_MS for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE_MS for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR_MS for n in (1, 2, 3, 6, 12)),
    *(n * DAY_MS for n in (1, 2, 7, 14, 28, 56, 91, 365)),
)


def resolution_ms(within_ms: int) -> int:
    """The finest resolution by which a window of this length has at most `BUCKETS_MAX` buckets.

    >>> resolution_ms(30 * DAY_MS) // HOUR_MS, resolution_ms(HOUR_MS) // MINUTE_MS
    (12, 1)
    """
    for step_ms in RESOLUTIONS_MS:
        if within_ms <= (BUCKETS_MAX - 1) * step_ms:
            return step_ms
    return within_ms // (BUCKETS_MAX - 1) + 1


class Span(NamedTuple):
    """Which part of the past a window covers: from `before + within` ago to `before` ago."""

    within_ms: int
    before_ms: int
    resolution_ms: int


def tally(kept: Kept | None, time_ms: int, total: int, value: Value, number: int = 1) -> Tally:
    """Count an event, or the `number` values that it has."""
    if isinstance(value, str):
        value = kept_text(value)
    if not isinstance(kept, Tally):
        return Tally(number, within_bits(total), time_ms, time_ms, value, value)
    kept.count += number
    kept.total = within_bits(kept.total + total)
    if time_ms < kept.first_ms:
        kept.first_ms, kept.first = time_ms, value
    if time_ms >= kept.last_ms:
        kept.last_ms, kept.last = time_ms, value
    return kept


def add_to_bucket(  # noqa: PLR0913, PLR0917 called from compiled code alone
    kept: Kept | None,
    time_ms: int,
    now_ms: int,
    kept_ms: int,
    resolution: int,
    total: int,
    number: int = 1,
) -> Buckets:
    """Count an event, or the `number` values that it has, in its bucket.

    Buckets go that ended `kept_ms` before `now_ms`.
    """
    if not isinstance(kept, Buckets):
        kept = Buckets([], [], [])
    bucket = time_ms // resolution
    numbers = kept.numbers
    at = len(numbers) - 1
    if at < 0 or numbers[at] != bucket:
        at = bisect_left(numbers, bucket)
        if at == len(numbers) or numbers[at] != bucket:
            numbers.insert(at, bucket)
            kept.counts.insert(at, 0)
            kept.totals.insert(at, 0)
    kept.counts[at] += number
    kept.totals[at] = within_bits(kept.totals[at] + total) if total else kept.totals[at]
    if numbers[0] < (oldest := (now_ms - kept_ms) // resolution):
        gone = bisect_left(numbers, oldest)
        del numbers[:gone], kept.counts[:gone], kept.totals[:gone]
    return kept


def add_value(kept: Kept | None, time_ms: int, value: str, resolution: int) -> Values:
    """Note a value as of the end of its bucket; `resolution` 0 for one that has no window."""
    if not isinstance(kept, Values):
        kept = Values({})
    at_ms = (time_ms // resolution + 1) * resolution if resolution else time_ms
    value = kept_text(value)
    latest = kept.latest
    latest[value] = max(at_ms, latest.get(value, 0))
    if len(latest) > DISTINCT_MAX:
        shed("values")
        # By time, then by value, whatever the order in which they came.
        del latest[min(latest, key=lambda each: (latest[each], each))]
    return kept


def add_step(
    kept: Kept | None, time_ms: int, *, is_second: bool, within_ms: int, apart_ms: int = 0
) -> Steps:
    """Note a step of a sequence, and the latest second one within the time after a first one."""
    if not isinstance(kept, Steps):
        kept = Steps(within_ms, [], [], 0, apart_ms)
    steps = kept.seconds if is_second else kept.firsts
    insort(steps, time_ms)
    if len(steps) > STEPS_MAX:
        shed("steps")
        del steps[0]
    for second_ms in reversed(kept.seconds):
        if second_ms <= kept.done_ms:
            break
        at = bisect_left(kept.firsts, second_ms - within_ms)
        if at < len(kept.firsts) and kept.firsts[at] + apart_ms <= second_ms:
            kept.done_ms = second_ms
            break
    return kept


def count_of(kept: Kept | None) -> int:
    """Events over all time."""
    return kept.count if isinstance(kept, Tally) else 0


def total_of(kept: Kept | None) -> int:
    """Their sum, in millionths."""
    return kept.total if isinstance(kept, Tally) else 0


def first_ms_of(kept: Kept | None) -> int | None:
    """When the first one was."""
    return kept.first_ms if isinstance(kept, Tally) else None


def last_ms_of(kept: Kept | None) -> int | None:
    """When the latest one was."""
    return kept.last_ms if isinstance(kept, Tally) else None


def first_of(kept: Kept | None) -> Value:
    """The first one's value."""
    return kept.first if isinstance(kept, Tally) else None


def last_of(kept: Kept | None) -> Value:
    """The latest one's value."""
    return kept.last if isinstance(kept, Tally) else None


def count_within(kept: Kept | None, now_ms: int, within_ms: int, before_ms: int, step: int) -> int:
    """Events in the window, whose buckets are of `step` milliseconds."""
    if not isinstance(kept, Buckets):
        return 0
    numbers = kept.numbers
    first = _counting(numbers, now_ms - before_ms - within_ms, step)
    if not before_ms:
        return sum(kept.counts[first:] if first else kept.counts)
    return sum(kept.counts[first : _counting(numbers, now_ms - before_ms, step)])


def total_within(kept: Kept | None, now_ms: int, within_ms: int, before_ms: int, step: int) -> int:
    """Sum of the values in the window, in millionths."""
    if not isinstance(kept, Buckets):
        return 0
    numbers = kept.numbers
    first = _counting(numbers, now_ms - before_ms - within_ms, step)
    if not before_ms:
        return sum(kept.totals[first:])
    return sum(kept.totals[first : _counting(numbers, now_ms - before_ms, step)])


def _counting(numbers: list[int], since_ms: int, step: int) -> int:
    """The place of the first bucket that ends after `since_ms`.

    A bucket counts from `before_ms` after its end on, at once where that is 0, and until
    `within_ms` later: those that count lie together.
    """
    oldest = since_ms // step
    return 0 if numbers and numbers[0] >= oldest else bisect_left(numbers, oldest)


def turns_ms(kept: Kept | None, now_ms: int, within_ms: int, before_ms: int, step: int) -> int:
    """The next instant at which time alone changes what the window has, or NEVER_MS."""
    if not isinstance(kept, Buckets):
        return NEVER_MS
    numbers = kept.numbers
    first = _counting(numbers, now_ms - before_ms - within_ms, step)
    end = _counting(numbers, now_ms - before_ms, step) if before_ms else len(numbers)
    soonest = NEVER_MS
    if first < end:
        soonest = (numbers[first] + 1) * step + before_ms + within_ms
    if before_ms and end < len(numbers):
        soonest = min(soonest, (numbers[end] + 1) * step + before_ms)
    return soonest


def falls_ms(
    kept: Kept | None, now_ms: int, within_ms: int, before_ms: int, step: int, need: int
) -> int:
    """The next instant at which time alone makes a count of at least `need` one of less, or back.

    A window up to now only loses, so it is one instant or NEVER_MS; one that ended some time ago
    also wins, and then it is any turn. Cost: O(buckets) that have `need` events.
    """
    if before_ms:
        return turns_ms(kept, now_ms, within_ms, before_ms, step)
    if not isinstance(kept, Buckets) or need <= 0:
        return NEVER_MS
    numbers, counts = kept.numbers, kept.counts
    oldest = (now_ms - within_ms) // step
    total = 0
    for at in range(len(numbers) - 1, -1, -1):
        number = numbers[at]
        if number < oldest:
            break
        total += counts[at]
        if total >= need:
            return (number + 1) * step + within_ms
    return NEVER_MS


def distinct_falls_ms(kept: Kept | None, now_ms: int, within_ms: int, need: int) -> int:
    """The next instant at which there are no longer `need` different values, or NEVER_MS."""
    if not isinstance(kept, Values) or not within_ms or need <= 0:
        return NEVER_MS
    live = sorted(at_ms for at_ms in kept.latest.values() if at_ms + within_ms > now_ms)
    return live[-need] + within_ms if len(live) >= need else NEVER_MS


def distinct_of(kept: Kept | None, now_ms: int, within_ms: int) -> int:
    """Different values; with `within_ms` 0 over all time."""
    if not isinstance(kept, Values):
        return 0
    if not within_ms:
        return len(kept.latest)
    return sum(at_ms + within_ms > now_ms for at_ms in kept.latest.values())


def distinct_turns_ms(kept: Kept | None, now_ms: int, within_ms: int) -> int:
    """The next instant at which a value is seen too long ago to count."""
    if not isinstance(kept, Values) or not within_ms:
        return NEVER_MS
    return min(
        (at_ms + within_ms for at_ms in kept.latest.values() if at_ms + within_ms > now_ms),
        default=NEVER_MS,
    )


def done_ms_of(kept: Kept | None) -> int | None:
    """When the latest second step was that came within the time after a first one."""
    return kept.done_ms or None if isinstance(kept, Steps) else None


def lapsed_ms_of(kept: Kept | None, now_ms: int) -> int | None:
    """When the time of the latest first step has ended, where no second one followed it."""
    at_ms = _lapses_ms(kept)
    return None if at_ms is None or at_ms > now_ms else at_ms


def _lapses_ms(kept: Kept | None) -> int | None:
    """When the time of the latest first step ends or has ended, where no second one followed it."""
    if not isinstance(kept, Steps) or not kept.firsts:
        return None
    if kept.seconds and kept.seconds[-1] >= kept.firsts[-1] + kept.apart_ms:
        return None
    return kept.firsts[-1] + kept.within_ms


def has_waited(kept: Kept | None, now_ms: int) -> bool:
    """Whether the time of the latest first step has passed without a second one."""
    return lapsed_ms_of(kept, now_ms) is not None


def waits_until_ms(kept: Kept | None, now_ms: int) -> int:
    """When that time ends, where it still runs, or NEVER_MS."""
    at_ms = _lapses_ms(kept)
    return NEVER_MS if at_ms is None or at_ms <= now_ms else at_ms


def whole_ms(first_ms: int, kept_ms: int | None, reach_ms: int) -> int:
    """From when on what is kept is the whole past that a measure asks for; 0: always was.

    first_ms   when the customer was first heard of
    kept_ms    since when the measure is kept; None: since the beginning of the log
    reach_ms   how far back it looks; 0 is all time
    """
    if kept_ms is None or first_ms >= kept_ms:
        return 0
    return kept_ms + reach_ms if reach_ms else NEVER_MS
