"""Exact sums of money: decimal arithmetic that would rather fail than round."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, Context, Decimal, Inexact, InvalidOperation

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
    """The price of one piece, rounded up: the pieces together never cost less than the amount.

    Readers take the lower of a refund's total and of its lines' sum; the total is the exact one.

    >>> per_piece(Decimal("29.33"), Decimal(2)), per_piece(Decimal(10), Decimal(3))
    (Decimal('14.665000'), Decimal('3.333334'))
    """
    return (amount / quantity).quantize(MICRO, ROUND_CEILING)


def plain(amount: Decimal) -> Decimal:
    """The same number without trailing zeros or an exponent: 2.50 and 2.5 are one price.

    >>> [str(plain(Decimal(text))) for text in ("2.50", "1E+2", "100", "0.00")]
    ['2.5', '100', '100', '0']
    """
    short = amount.normalize(EXACT)
    whole = short.to_integral_value()
    return whole.quantize(Decimal(1), context=EXACT) if short == whole else short
