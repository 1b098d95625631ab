from __future__ import annotations

from stream.clock import NEVER_MS
from stream.events.records import CartAdded, Item
from stream.state.fold import expire
from stream.state.row_parts import Sessions
from stream.state.sessions import session_end_ms
from tests.state.shopping import (
    HOUR,
    MINUTE,
    START_MS,
    head,
    message,
    page,
    product,
    row_after,
    search,
)


def sessions_after(*events) -> Sessions:
    sessions = row_after(*events).sessions
    assert sessions is not None
    return sessions


def test_the_first_activity_begins_a_session():
    sessions = sessions_after(page(START_MS))
    assert (sessions.count, sessions.start_ms, sessions.last_ms) == (1, START_MS, START_MS)
    assert sessions.open


def test_activity_within_half_an_hour_goes_on_with_the_session():
    late = START_MS + 30 * MINUTE - 1
    sessions = sessions_after(page(START_MS), page(late))
    assert (sessions.count, sessions.pages, sessions.last_ms) == (1, 2, late)


def test_half_an_hour_of_silence_splits_sessions_to_the_millisecond():
    sessions = sessions_after(page(START_MS), page(START_MS + 30 * MINUTE))
    assert (sessions.count, sessions.pages, sessions.total_pages) == (2, 1, 2)


def test_a_session_ends_half_an_hour_after_its_last_activity():
    row = row_after(page(START_MS), page(START_MS + 10 * MINUTE))
    assert session_end_ms(row.sessions) == START_MS + 40 * MINUTE
    assert not expire(row, START_MS + 40 * MINUTE - 1)
    assert expire(row, START_MS + 40 * MINUTE)
    assert row.sessions.closed_ms == 10 * MINUTE
    assert session_end_ms(row.sessions) == NEVER_MS


def test_an_ended_session_ends_once():
    row = row_after(page(START_MS))
    expire(row, START_MS + HOUR)
    assert not expire(row, START_MS + 2 * HOUR)
    assert row.sessions.closed_ms == 0


def test_time_is_the_sum_of_ended_sessions():
    row = row_after(
        page(START_MS),
        page(START_MS + 5 * MINUTE),
        page(START_MS + 2 * HOUR),
        page(START_MS + 2 * HOUR + 7 * MINUTE),
        page(START_MS + 5 * HOUR),
    )
    assert row.sessions.closed_ms == 12 * MINUTE


def test_a_late_activity_just_before_the_session_extends_it_backwards():
    sessions = sessions_after(page(START_MS), page(START_MS - 10 * MINUTE))
    assert (sessions.count, sessions.start_ms) == (1, START_MS - 10 * MINUTE)
    assert sessions.last_ms == START_MS


def test_a_late_activity_of_an_ended_session_counts_in_the_sums_alone():
    sessions = sessions_after(page(START_MS), page(START_MS - 3 * HOUR))
    assert (sessions.count, sessions.start_ms, sessions.last_ms) == (1, START_MS, START_MS)
    assert (sessions.pages, sessions.total_pages) == (1, 2)


def test_a_late_search_and_view_of_an_ended_session_count_in_the_sums_alone():
    before = START_MS - 3 * HOUR
    sessions = sessions_after(page(START_MS), search(before, 0), product(before))
    assert (sessions.searches, sessions.total_searches, sessions.empty_searches) == (0, 1, 1)
    assert (sessions.products, sessions.total_products) == (0, 1)


def test_a_session_counts_what_was_done_in_it():
    sessions = sessions_after(
        page(START_MS),
        search(START_MS + MINUTE, results=0),
        search(START_MS + 2 * MINUTE, results=None),
        product(START_MS + 3 * MINUTE),
    )
    assert (sessions.pages, sessions.searches, sessions.products) == (1, 2, 1)
    assert sessions.empty_searches == 1


def test_what_happens_in_a_store_is_no_visit_to_the_pages():
    row = row_after(CartAdded(**head(START_MS, channel="store"), item=Item(sku="a")))
    assert row.sessions is None
    assert row.channels == {"store": 1}


def test_a_message_is_no_visit():
    assert row_after(message(START_MS, "opened")).sessions is None
