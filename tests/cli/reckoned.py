"""Figures of segments, reckoned in plain Python from what `shoal replay` wrote.

Separate from the program and simple on purpose: it holds every stay as an interval.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from tests.oracle.reading import instant_ms

DAY_MS = 86_400_000


@dataclass
class Stay:
    customer: str
    enter_ms: int
    exit_ms: int | None = None
    merged: bool = False


def stays_by_segment(changes: Path) -> dict[str, list[Stay]]:
    """Of a file of `--changes`, each customer's in the order of its sequence."""
    lines = [json.loads(line) for line in changes.read_text("utf-8").splitlines()]
    lines.sort(key=lambda line: (line["subject"], int(line["sequence"])))
    found: dict[str, list[Stay]] = defaultdict(list)
    for line in lines:
        entered, merged = line["type"].endswith("entered"), line["data"]["cause"] == "merge"
        stays = found[line["data"]["segment"]]
        turn(stays, line["subject"], instant_ms(line["time"]), entered=entered, merged=merged)
    return found


def turn(
    stays: list[Stay], customer: str, time_ms: int, *, entered: bool, merged: bool = False
) -> None:
    """Note the customer's next turn in a segment."""
    if entered:
        stays.append(Stay(customer, time_ms))
        return
    last = next(stay for stay in reversed(stays) if stay.customer == customer)
    assert last.exit_ms is None
    last.exit_ms, last.merged = time_ms, merged


def figures(stays: list[Stay], begin_ms: int, end_ms: int) -> dict[str, Any]:
    """As the program names them, for a period; flaps as counts."""
    days = range(begin_ms // DAY_MS, end_ms // DAY_MS + 1)
    entered = [s for s in stays if begin_ms <= s.enter_ms]
    exited = [s for s in stays if s.exit_ms is not None and begin_ms <= s.exit_ms]
    spent = [s.exit_ms - s.enter_ms for s in exited if s.exit_ms and not s.merged]
    back = [
        stay.enter_ms - max(earlier)
        for stay in entered
        if (
            earlier := [
                other.exit_ms
                for other in stays
                if other.customer == stay.customer
                and other.exit_ms is not None
                and other.exit_ms <= stay.enter_ms
                and other is not stay
            ]
        )
    ]
    return {
        "entered": [sum(s.enter_ms // DAY_MS == day for s in entered) for day in days],
        "exited": [sum((s.exit_ms or 0) // DAY_MS == day for s in exited) for day in days],
        "size": [size_at(stays, min((day + 1) * DAY_MS - 1, end_ms)) for day in days],
        "members_start": size_at(stays, begin_ms - 1),
        "merged_exits": sum(s.merged for s in exited),
        "customers": len({s.customer for s in stays}),
        "stays": len(spent),
        "mean_s": fmean(spent) / 1000 if spent else None,
        "median_s": median(spent) / 1000 if spent else None,
        "flaps_24h": sum(gap <= DAY_MS for gap in back),
        "flaps_7d": sum(gap <= 7 * DAY_MS for gap in back),
    }


def size_at(stays: list[Stay], time_ms: int) -> int:
    """Members after everything that happened up to the instant."""
    return sum(s.enter_ms <= time_ms and (s.exit_ms is None or s.exit_ms > time_ms) for s in stays)


def overlaps(members: Path) -> dict[str, dict[str, float]]:
    """Of a file of `--members`: the share of A's members who are in B."""
    sets: dict[str, set[str]] = defaultdict(set)
    for line in members.read_text("utf-8").splitlines():
        membership = json.loads(line)
        for segment in membership["segments"]:
            sets[segment].add(membership["customer"])
    return {a: {b: len(sets[a] & sets[b]) / len(sets[a]) for b in sets if b != a} for a in sets}
