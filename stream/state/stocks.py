"""Which of the latest products looked at were out of stock, as the bits of one number.

A number begins with a 1; each view that says whether the product is in stock adds a bit, and of
more than `VIEWS_KEPT` the oldest goes. So a share of what a customer looks at costs no window, no
timer and five bytes, and is of as many looks for who comes daily as for who comes once a month.
"""

from __future__ import annotations

from typing import Final

VIEWS_KEPT: Final = 24

VIEWS_MIN: Final = 6
"""Of fewer views a share says nothing."""


def with_view(stocks: int, *, in_stock: bool) -> int:
    """The number with one more view.

    >>> bin(with_view(with_view(1, in_stock=True), in_stock=False))
    '0b101'
    """
    return _trimmed(stocks << 1 if in_stock else stocks << 1 | 1)


def joined_views(early: int, late: int) -> int:
    """The views of two rows, taken as the earlier one's before the later one's.

    >>> bin(joined_views(0b10, 0b111))
    '0b1011'
    """
    number = late.bit_length() - 1
    return _trimmed(early << number | late & (1 << number) - 1)


def sold_out_share(stocks: int) -> float | None:
    """Share of the views that were of something out of stock; unknown for less than `VIEWS_MIN`.

    >>> sold_out_share(0b1_100_100), sold_out_share(0b1_111)
    (0.3333333333333333, None)
    """
    views = stocks.bit_length() - 1
    return (stocks.bit_count() - 1) / views if views >= VIEWS_MIN else None


def _trimmed(stocks: int) -> int:
    if stocks.bit_length() <= VIEWS_KEPT + 1:
        return stocks
    return 1 << VIEWS_KEPT | stocks & (1 << VIEWS_KEPT) - 1
