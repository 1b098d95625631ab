"""Visits: split by half an hour of silence, counted and summed."""

from __future__ import annotations

from typing import Final

from stream.clock import MINUTE_MS, NEVER_MS
from stream.state.row import Row
from stream.state.row_parts import Sessions
from stream.state.stocks import joined_views

SESSION_GAP_MS: Final = 30 * MINUTE_MS


def visit(row: Row, time_ms: int) -> Sessions:
    """The session that an activity at `time_ms` belongs to, begun here where none is open.

    A late activity before the open session extends it backwards when it is within the gap; an
    older one is part of a session that has ended, whose sums it joins without a new count.
    """
    sessions = row.sessions
    if sessions is None:
        sessions = row.sessions = Sessions(count=1, start_ms=time_ms, last_ms=time_ms, open=True)
        return sessions
    last_ms = sessions.last_ms
    if time_ms >= last_ms:
        if time_ms - last_ms >= SESSION_GAP_MS or not sessions.open:
            close(sessions)
            sessions.count += 1
            sessions.start_ms = time_ms
            sessions.pages = sessions.searches = sessions.products = 0
            sessions.open = True
        sessions.last_ms = time_ms
    elif sessions.open and sessions.start_ms - SESSION_GAP_MS < time_ms < sessions.start_ms:
        sessions.start_ms = time_ms
    return sessions


def session_end_ms(sessions: Sessions | None) -> int:
    """When the open session ends if nothing more happens."""
    if sessions is None or not sessions.open:
        return NEVER_MS
    return sessions.last_ms + SESSION_GAP_MS


def close(sessions: Sessions) -> None:
    """End the open session: its length joins the sums."""
    if sessions.open:
        sessions.open = False
        sessions.closed_ms += sessions.last_ms - sessions.start_ms


def merge_sessions(row: Row, other: Row) -> None:
    """Join by time: visits closer than the gap are one; the later one stays open."""
    mine, theirs = row.sessions, other.sessions
    if theirs is None:
        return
    if mine is None:
        row.sessions = theirs
        return
    early, late = (mine, theirs) if mine.last_ms <= theirs.last_ms else (theirs, mine)
    joined = late.start_ms - early.last_ms < SESSION_GAP_MS
    if joined:
        _join(early, late)
    close(early)
    late.count += early.count - (1 if joined else 0)
    late.closed_ms += early.closed_ms
    late.total_pages += early.total_pages
    late.total_searches += early.total_searches
    late.empty_searches += early.empty_searches
    late.total_products += early.total_products
    late.stocks = joined_views(early.stocks, late.stocks)
    row.sessions = late


def _join(early: Sessions, late: Sessions) -> None:
    """Let the later visit begin where the earlier one did; ended ones leave the sums for it."""
    was_open = late.open
    for sessions in (early, late):
        if not sessions.open:
            sessions.closed_ms -= sessions.last_ms - sessions.start_ms
        sessions.open = False
    late.start_ms = min(early.start_ms, late.start_ms)
    late.pages += early.pages
    late.searches += early.searches
    late.products += early.products
    late.open = True
    if not was_open:
        close(late)
