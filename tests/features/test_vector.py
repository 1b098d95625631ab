from __future__ import annotations

from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.features.vector import DIMENSIONS, vector
from stream.state.fold import fold
from stream.state.row import Row
from stream.state.row_parts import FirstPurchase, Messages, Orders, Sessions
from tests.state.shopping import DAY, START_MS, message, order, page, refunded, search


def described(row: Row) -> dict[str, float]:
    return dict(zip(DIMENSIONS, vector(row), strict=True))


def test_a_customers_place_is_what_they_did():
    row = Row()
    for event in (
        page(START_MS),
        page(START_MS + 1),
        search(START_MS + 2),
        order(START_MS + DAY, "1", 100, coupon="X"),
        order(START_MS + 2 * DAY, "2", 100, channel="store"),
        refunded(START_MS + 3 * DAY, "1", 50),
        message(START_MS, "delivered"),
        message(START_MS, "delivered"),
        message(START_MS, "opened"),
        message(START_MS, "clicked"),
    ):
        fold(row, event)
    found = described(row)
    assert found["orders"] == pytest.approx(log(3) / log(21))
    assert found["order_value"] == pytest.approx(log(101) / log(501))
    assert found["visits"] == pytest.approx(log(3) / log(51))
    assert found["pages_per_visit"] == pytest.approx(log(2) / log(21))
    assert found["orders_per_visit"] == 1.0
    assert found["discount_share"] == 0.5
    assert found["refund_share"] == 0.25
    assert found["searches_per_visit"] == pytest.approx(0.5 / 3)
    assert found["store_share"] == 0.5
    assert found["message_response"] == 0.5


def test_who_got_no_message_is_between_those_who_answer_and_those_who_do_not():
    assert described(Row())["message_response"] == 0.5


large = st.integers(0, 10**12)


@given(
    st.builds(
        Row,
        orders=st.one_of(
            st.none(),
            st.builds(
                Orders,
                count=st.integers(0, 10**6),
                revenue_micros=large,
                refunded_micros=large,
                discounted=st.just(0),
                first=st.just(FirstPurchase(1)),
            ),
        ),
        sessions=st.one_of(
            st.none(),
            st.builds(
                Sessions,
                count=st.integers(0, 10**6),
                total_pages=large,
                total_searches=large,
            ),
        ),
        messages=st.one_of(
            st.none(),
            st.builds(Messages, sent=large, delivered=large, opened=large, clicked=large),
        ),
        channels=st.dictionaries(st.sampled_from(["web", "store", "phone"]), large),
    )
)
@settings(derandomize=True, max_examples=200, deadline=None)
def test_every_dimension_stays_within_0_and_1(row: Row):
    assert all(0.0 <= number <= 1.0 for number in vector(row))
