from __future__ import annotations

from typing import get_args

from stream.events import records as r
from stream.state.fold import (
    ACTIVITY,
    BROWSE,
    CART,
    CHANNELS_MAX,
    CHECKOUT,
    CONSENT,
    EVERYTHING,
    FOLDS,
    MESSAGES,
    ORDERS,
    PRODUCTS,
    SESSIONS,
    TRAITS,
    TRAITS_MAX,
    VISITS,
    WISHES,
    deadline_ms,
    fold,
)
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    cancelled,
    checkout,
    consent,
    head,
    identified,
    message,
    order,
    page,
    product,
    row_after,
    search,
)


def test_every_event_of_the_log_has_its_fold():
    assert set(FOLDS) == set(get_args(r.CustomerEvent))


def test_the_parts_are_the_bits_of_everything():
    parts = (
        ACTIVITY, SESSIONS, CART, CHECKOUT, BROWSE, ORDERS, MESSAGES, TRAITS, VISITS, PRODUCTS,
            CONSENT, WISHES,
    )  # fmt: skip
    assert sum(parts) == EVERYTHING
    assert len(set(parts)) == 12


def test_a_fold_tells_every_part_that_it_changed():
    readers = {
        SESSIONS: lambda row: row.sessions,
        VISITS: lambda row: row.sessions.count,
        PRODUCTS: lambda row: row.sessions.total_products,
        CART: lambda row: row.cart,
        CHECKOUT: lambda row: row.checkout,
        BROWSE: lambda row: row.browse,
        ORDERS: lambda row: row.orders,
        MESSAGES: lambda row: row.messages,
        TRAITS: lambda row: row.traits,
        CONSENT: lambda row: row.consent,
        ACTIVITY: lambda row: (row.first_ms, row.last_ms),
    }
    happened = [
        page, search, product, added, checkout, order, message,
        lambda at: identified(at, plan="gold"),
        lambda at: identified(at, email_opt_in=True),
        lambda at: message(at, "unsubscribed"),
        lambda at: consent(at, marketing=False),
        lambda at: cancelled(at, "1"),
        lambda at: r.Custom(**head(at), name="Survey"),
        lambda at: r.CouponUsed(**head(at), action="denied"),
    ]  # fmt: skip
    for build in happened:
        row = row_after(added(START_MS), product(START_MS), checkout(START_MS))
        before = {part: repr(read(row)) for part, read in readers.items()}
        parts = fold(row, build(START_MS + HOUR))
        changed = {part for part, read in readers.items() if repr(read(row)) != before[part]}
        assert all(part & parts for part in changed), build


def test_activity_is_seen_first_and_last():
    row = row_after(page(START_MS + HOUR), page(START_MS), page(START_MS + MINUTE))
    assert (row.first_ms, row.last_ms, row.events) == (START_MS, START_MS + HOUR, 3)


def test_a_message_is_heard_of_the_customer_and_is_no_activity_of_theirs():
    row = row_after(message(START_MS, "sent"))
    assert (row.first_ms, row.last_ms) == (START_MS, 0)
    fold(row, page(START_MS + HOUR))
    assert (row.first_ms, row.last_ms) == (START_MS, START_MS + HOUR)
    fold(row, message(START_MS + DAY, "sent"))
    assert row.last_ms == START_MS + HOUR


def test_an_order_matures_or_a_session_ends_next():
    assert deadline_ms(row_after(page(START_MS))) == START_MS + 30 * MINUTE
    assert deadline_ms(row_after(order(START_MS, channel="store"))) == START_MS + 30 * DAY


def test_channels_are_counted_and_bounded():
    row = row_after(*(page(START_MS, channel=f"c{n}") for n in range(CHANNELS_MAX + 3)))
    fold(row, page(START_MS, channel="c0"))
    assert len(row.channels) == CHANNELS_MAX
    assert row.channels["c0"] == 2


def test_the_latest_identify_wins():
    row = row_after(
        identified(START_MS, plan="free", city="Kiel"), identified(START_MS + HOUR, plan="gold")
    )
    assert row.traits == {"plan": "gold", "city": "Kiel"}


def test_a_late_identify_only_fills_in_what_is_missing():
    row = row_after(
        identified(START_MS + HOUR, plan="gold"), identified(START_MS, plan="free", city="Kiel")
    )
    assert row.traits == {"plan": "gold", "city": "Kiel"}


def test_an_identify_is_not_late_for_other_activity_that_came_before_it():
    row = row_after(
        identified(START_MS, plan="free"),
        page(START_MS + DAY),
        identified(START_MS + HOUR, plan="b"),
    )
    assert row.traits == {"plan": "b"}


def test_traits_are_bounded_and_known_ones_still_change():
    many = {f"t{number}": number for number in range(TRAITS_MAX)}
    row = row_after(identified(START_MS, **many), identified(START_MS + 1, new=1, t0="changed"))
    assert len(row.traits) == TRAITS_MAX
    assert row.traits["t0"] == "changed"
    assert "new" not in row.traits
