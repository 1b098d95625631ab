"""Amounts of money as shops write them, to integer micros.

JSON carries an amount as decimal text; its meaning is that text, rounded half to even at the
sixth decimal. A number that the JSON decoder made a double of still has the text's first 15
significant digits, and up to 2**31 units a product with 10**6 that lands within 0.125 of an
integer has that integer as its rounding: the decimal text is at most half an ulp of the double
(2.4e-7 units, 0.24 micros) and half an ulp of the product (0.125 micros) away, 0.49 in all. That
is the fast way; ties, larger amounts and texts go through `Decimal`.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from stream.events.records import MICROS
from stream.events.rejection import RejectedEventError

AMOUNT_MAX: Final = 9_000_000_000
"""Units of a currency in one amount: 9 * 10**15 micros are still exact in a double (2**53), and
no order is that large in any currency. Sums of a thousand such amounts fit into 64 bits."""

PRICES_MAX: Final = 8192
"""Prices that are remembered of each kind, about 1 MB."""

_FAST_MAX: Final = float(2**31)
_SCALE: Final = float(MICROS)
_MICRO: Final = Decimal(1).scaleb(-6)
_DIGITS_MAX: Final = 64
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_NOT_FINITE: Final = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


def micros(amount: float | str | None, field: str) -> int | None:
    """Micros of an amount that must not be negative; None and blank text mean none was given.

    Parameters
    ----------
    amount : float, str or None
        In units of the currency. A text is a decimal number without separators.
    field : str
        Where it stands, for the error.

    Raises
    ------
    RejectedEventError
        `out_of_range` for NaN, infinities, negatives and more than `AMOUNT_MAX`,
        `wrong_type` for a text that is no number.

    >>> micros(19.99, "$.price"), micros("0.0000005", "$.price"), micros("0.0000015", "$.price")
    (19990000, 0, 2)
    """
    if type(amount) is float and 0.0 <= amount <= _FAST_MAX:
        scaled = amount * _SCALE
        nearest = round(scaled)
        if -0.125 < scaled - nearest < 0.125:
            return nearest
    value = finite(amount, field)
    if value is None:
        return None
    if value < 0:
        raise RejectedEventError("out_of_range", field, "Expected an amount of at least 0")
    if value > AMOUNT_MAX:
        raise RejectedEventError("out_of_range", field, f"Expected at most {AMOUNT_MAX}")
    return int(value.quantize(_MICRO, ROUND_HALF_EVEN) * MICROS)


class KnownPrices(dict[float, int | None]):
    """Micros of the prices seen so far, because a shop has few prices and shows them often.

    A look-up costs a tenth of the conversion, which is most of what an item costs
    (tests/bench/test_decode.py). It holds doubles only, `PRICES_MAX` of them, and forgets none:
    what it answers does not depend on what it holds. A blank text is no amount: None. `field` is
    where they stand, for the error.
    """

    def __init__(self, field: str) -> None:
        self._field = field

    def __missing__(self, price: float | str) -> int | None:
        found = micros(price, self._field)
        if isinstance(price, float) and found is not None and len(self) < PRICES_MAX:
            self[price] = found
        return found


def unsigned_micros(amount: float | str | None, field: str) -> int | None:
    """Micros of an amount whose sign is a matter of convention: a discount, a refund.

    Shops write a discount of 2.50 as 2.5 or as -2.5, and mean the same.
    """
    if isinstance(amount, str):
        return micros(amount.strip().removeprefix("-"), field)
    return micros(None if amount is None else abs(amount), field)


def finite(number: float | str | None, field: str) -> Decimal | None:
    """The exact decimal of a number or its text; None and blank text mean none was given.

    Raises
    ------
    RejectedEventError
        `wrong_type` for a text that is no plain decimal number of at most 64 characters,
        `out_of_range` for NaN and infinities, as numbers and as text.
    """
    if number is None:
        return None
    text = number.strip() if isinstance(number, str) else repr(number)
    if not text:
        return None
    if _NOT_FINITE.fullmatch(text):
        raise RejectedEventError("out_of_range", field, "Expected a finite number")
    if len(text) > _DIGITS_MAX or not _NUMBER.fullmatch(text):
        raise RejectedEventError("wrong_type", field, "Expected a decimal number")
    return Decimal(text)
