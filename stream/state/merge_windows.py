"""What two rows of one person keep of their past, joined: windows.py says what that is."""

from __future__ import annotations

from collections.abc import Mapping

from stream.state.kept import Buckets, Kept, Steps, Tally, Values
from stream.state.room import DISTINCT_MAX, STEPS_MAX, within_bits
from stream.state.shed import shed
from stream.state.windows import (
    SPAN_BUCKETS_MAX,
    add_step,
)


def merge_windows(windows: dict[str, Kept], others: Mapping[str, Kept]) -> None:
    """Take over what another row of the same person has kept."""
    for key, kept in others.items():
        windows[key] = merge_kept(windows.get(key), kept)


def merge_kept(kept: Kept | None, other: Kept) -> Kept:
    """Join what two rows of one person have kept of one measure."""
    match kept, other:
        case Tally(), Tally():
            early, late = kept.first_ms <= other.first_ms, kept.last_ms >= other.last_ms
            return Tally(
                kept.count + other.count,
                within_bits(kept.total + other.total),
                min(kept.first_ms, other.first_ms),
                max(kept.last_ms, other.last_ms),
                kept.first if early else other.first,
                kept.last if late else other.last,
            )
        case Buckets(), Buckets():
            found: dict[int, list[int]] = {}
            for each in (kept, other):
                for number, count, total in zip(
                    each.numbers, each.counts, each.totals, strict=True
                ):
                    into = found.setdefault(number, [0, 0])
                    into[0] += count
                    into[1] = within_bits(into[1] + total)
            oldest = max(found, default=0) - SPAN_BUCKETS_MAX - 1
            numbers = sorted(number for number in found if number >= oldest)
            return Buckets(numbers, [found[n][0] for n in numbers], [found[n][1] for n in numbers])
        case Values(), Values():
            latest = dict(kept.latest)
            for value, at_ms in other.latest.items():
                latest[value] = max(at_ms, latest.get(value, 0))
            if len(latest) > DISTINCT_MAX:
                shed("values", len(latest) - DISTINCT_MAX)
            chosen = sorted(latest, key=lambda each: (latest[each], each))[-DISTINCT_MAX:]
            return Values({value: latest[value] for value in chosen})
        case Steps(), Steps():
            return _merged_steps(kept, other)
    return other


def _merged_steps(kept: Steps, other: Steps) -> Steps:
    within_ms = kept.within_ms
    firsts = sorted(kept.firsts + other.firsts)[-STEPS_MAX:]
    apart_ms = kept.apart_ms
    joined = Steps(within_ms, firsts, [], max(kept.done_ms, other.done_ms), apart_ms)
    for second_ms in sorted(kept.seconds + other.seconds)[-STEPS_MAX:]:
        add_step(joined, second_ms, is_second=True, within_ms=within_ms, apart_ms=apart_ms)
    return joined
