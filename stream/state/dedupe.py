"""Message ids seen by a customer: at least a day of them, bounded.

Two generations: ids are added to the young one; when it is a day old it becomes the old one and
the former old one goes. An id is therefore remembered for one to two days of the row's time.
"""

from __future__ import annotations

from stream.clock import DAY_MS
from stream.state.row import Row

DEDUPE_WINDOW_MS = DAY_MS
DEDUPE_IDS_MAX = 512
"""Ids a generation; 1,024 events a day are more than a person makes, and 9 KiB of row."""


def is_duplicate(row: Row, message_id: int) -> bool:
    return message_id in row.ids or message_id in row.older_ids


def remember(row: Row, message_id: int, time_ms: int) -> bool:
    """Add the id; False where the bound made ids younger than a day be forgotten."""
    kept = True
    age_ms = time_ms - row.ids_since_ms
    if age_ms >= DEDUPE_WINDOW_MS or len(row.ids) >= DEDUPE_IDS_MAX:
        if age_ms >= 2 * DEDUPE_WINDOW_MS:
            row.older_ids = set()
        else:
            kept = age_ms >= DEDUPE_WINDOW_MS
            row.older_ids = row.ids
        row.ids = set()
        row.ids_since_ms = time_ms
    row.ids.add(message_id)
    return kept


def merge_ids(row: Row, other: Row) -> None:
    """Remember what `other` remembers, each id for a day at least.

    Both generations keep their place and age from the later beginning, so that none goes sooner
    than it would have in its own row. More than fit, from rows that were full, lose some.
    """
    row.ids = _bounded(row.ids | other.ids)
    row.older_ids = _bounded(row.older_ids | other.older_ids)
    row.ids_since_ms = max(row.ids_since_ms, other.ids_since_ms)


def _bounded(ids: set[int]) -> set[int]:
    bound = 2 * DEDUPE_IDS_MAX
    return ids if len(ids) <= bound else set(sorted(ids)[-bound:])
