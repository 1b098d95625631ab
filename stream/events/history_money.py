"""Exact sums of money: decimal arithmetic that would rather fail than round."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation

NUMBER_CHARACTERS_MAX = 30
"""Of a number in a file; ERP systems write up to 15 digits either side of the mark."""

EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])
"""Holds a product of two such numbers (60 digits), and the sum of 10^20 of them."""

MICRO = Decimal("0.000001")
"""A price per piece that has to be computed is rounded to this; amounts never are."""


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def per_piece(amount: Decimal, quantity: Decimal) -> Decimal:
    return (amount / quantity).quantize(MICRO)


def plain(amount: Decimal) -> Decimal:
    """The same number without trailing zeros or an exponent: 2.50 and 2.5 are one price.

    >>> [str(plain(Decimal(text))) for text in ("2.50", "1E+2", "100", "0.00")]
    ['2.5', '100', '100', '0']
    """
    short = amount.normalize(EXACT)
    whole = short.to_integral_value()
    return whole.quantize(Decimal(1), context=EXACT) if short == whole else short
