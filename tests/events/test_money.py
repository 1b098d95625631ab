"""Amounts are exact, and what is no amount is named."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.events.money import AMOUNT_MAX, PRICES_MAX, KnownPrices, micros, unsigned_micros
from stream.events.rejection import RejectedEventError


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0.0, 0),
        (-0.0, 0),
        (19.99, 19_990_000),
        (0.001, 1_000),
        (1.005, 1_005_000),
        (0.1 + 0.2, 300_000),
        (2147483647.654321, 2_147_483_647_654_321),
        (9e9, 9_000_000_000_000_000),
        (0.0000005, 0),
        (0.0000015, 2),
        (0.0000025, 2),
        (5e-324, 0),
        ("19.99", 19_990_000),
        (" 19.99 ", 19_990_000),
        ("+1e2", 100_000_000),
        (".5", 500_000),
        ("0.0000005", 0),
        ("0.00000050000000000000000000000000000001", 1),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_an_amount_has_these_micros(amount: float | str | None, expected: int | None):
    assert micros(amount, "$.price") == expected


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (float("nan"), "out_of_range"),
        (float("inf"), "out_of_range"),
        (float("-inf"), "out_of_range"),
        ("NaN", "out_of_range"),
        ("-Infinity", "out_of_range"),
        (-0.01, "out_of_range"),
        ("-1", "out_of_range"),
        (9_000_000_000.01, "out_of_range"),
        ("1e300", "out_of_range"),
        ("1,50", "wrong_type"),
        ("1_000", "wrong_type"),
        ("12 EUR", "wrong_type"),
        ("٣", "wrong_type"),
        ("0" * 65, "wrong_type"),
    ],
)
def test_what_is_no_amount_is_rejected_by_its_field(amount: float | str, reason: str):
    with pytest.raises(RejectedEventError) as caught:
        micros(amount, "$.price")

    assert (caught.value.reason, caught.value.field) == (reason, "$.price")


@given(st.decimals(0, AMOUNT_MAX, places=6))
def test_an_amount_with_15_digits_keeps_them_through_json(amount: Decimal):
    text = f"{amount:f}"
    digits = len(text.replace(".", "").strip("0"))
    expected = int(amount * 1_000_000)

    assert micros(text, "$") == expected
    if digits <= 15:
        assert micros(float(json.loads(text)), "$") == expected


@given(st.decimals(0, 2**31, places=9))
def test_a_double_is_rounded_as_its_decimal_text_is(amount: Decimal):
    double = float(amount)
    exact = Decimal(repr(double)).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)

    assert micros(double, "$") == int(exact * 1_000_000)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_double_has_micros_or_is_out_of_range(amount: float):
    if 0 <= amount <= AMOUNT_MAX:
        assert abs(micros(amount, "$") - amount * 1e6) <= 1
    else:
        with pytest.raises(RejectedEventError, match="Expected"):
            micros(amount, "$")


@pytest.mark.parametrize("amount", [2.5, -2.5, "2.5", "-2.5", " -2.50 "])
def test_a_discount_has_no_sign(amount: float | str):
    assert unsigned_micros(amount, "$.discount") == 2_500_000


def test_no_discount_is_none():
    assert unsigned_micros(None, "$.discount") is None


def test_known_prices_are_bounded_and_answer_as_the_conversion_does():
    known = KnownPrices("$.price")
    cents = range(PRICES_MAX + 100)

    assert [known[cent / 100] for cent in cents] == [cent * 10_000 for cent in cents]
    assert [known[cent / 100] for cent in cents] == [cent * 10_000 for cent in cents]
    assert known["12.34"] == 12_340_000
    assert len(known) == PRICES_MAX


def test_a_known_price_is_never_a_wrong_one():
    known = KnownPrices("$.price")

    with pytest.raises(RejectedEventError, match="at least 0"):
        known[-1.0]
    assert known == {}
