"""One row of an order history -> one order line, or the reason why it is none.

Rules, in this order:

1. What cannot be read (a price that is no number, a time that fits no format) is refused: the map
   is wrong, or the file is. Nothing is imported then.
2. A line that says nothing about a customer's purchases is skipped, and counted by its reason.
3. A cancelled line takes back: it is a refund, of the positive amount.
4. Everything else was bought, at the price that it says, nothing included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal

import msgspec

from stream.clock import EARLIEST_MS
from stream.events.history_map import ISO, ColumnMap, Layout
from stream.events.history_money import EXACT, NUMBER_CHARACTERS_MAX, per_piece
from stream.events.history_table import HistoryRowError
from stream.events.identity import ID_BYTES_MAX, NO_IDS
from stream.events.items import QUANTITY_MAX
from stream.events.money import AMOUNT_MAX

EMPTY_IDS = frozenset(text.lower() for text in NO_IDS) | {"n/a", "#n/a"}
"""What exports write where there is no id. As an id it would melt strangers into one customer."""

TIME_TEXTS_MAX = 4_096
"""Parsed times that are kept: the lines of an order share theirs, and strptime takes 5 us."""

Skipped = Literal[
    "no_customer",
    "cancelled",
    "zero_quantity",
    "negative_quantity",
    "negative_price",
    "zero_price",
]

PRODUCT_TEXTS = ("sku", "category", "brand", "size", "coupon", "reason")
PRODUCT_AMOUNTS = ("list_price", "cost")
ORDER_TEXTS = ("channel", "store", "payment_method")

IdRole = Literal["customer", "order", "original_order", "product"]
WHOLE_ID = re.compile(r"(\d+)\.0+", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Line(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one row says was bought or given back. Amounts and quantity are never negative.

    `number` is the row's line in the file. `order` is the order bought or taken back, None where
    the file does not say; `cancellation` is a refund's own number. `price` is per piece, or per
    unit where a quantity is no whole number (1.5 m of cloth).
    """

    number: int
    customer: str
    time_ms: int
    refund: bool
    amount: Decimal
    price: Decimal
    quantity: Decimal
    order: str | None = None
    cancellation: str | None = None
    product: str | None = None
    currency: str | None = None
    product_amounts: tuple[tuple[str, Decimal], ...] = ()
    product_texts: tuple[tuple[str, str], ...] = ()
    order_texts: tuple[tuple[str, str], ...] = ()


class LineReader:
    """Reads the rows of one file by its map."""

    def __init__(self, map_: ColumnMap) -> None:
        self._map = map_
        self._columns = map_.columns
        self._zone = map_.zone()
        rule = map_.cancelled
        self._cancellations_have_ids = (
            rule is not None and rule.prefix is not None and rule.column == map_.columns.order
        )
        self._number = _number_pattern(map_.layout)
        self._time_ms: Callable[[str], int] = lru_cache(TIME_TEXTS_MAX)(self._parse_time)
        self._product_amounts = self._columns_of(PRODUCT_AMOUNTS)
        self._product_texts = self._columns_of(PRODUCT_TEXTS)
        self._order_texts = self._columns_of(ORDER_TEXTS)

    def read(self, number: int, row: dict[str, str]) -> Line | Skipped:
        """The line in the row, or why it is skipped.

        Raises
        ------
        HistoryRowError
            With the line number and the column that cannot be read.
        """
        map_, columns = self._map, self._columns
        time_ms = self._instant(number, row[columns.time])
        quantity = self._decimal(number, row, columns.quantity, QUANTITY_MAX)
        quantity = Decimal(1) if quantity is None else quantity
        price, amount = self._money(number, row, quantity)
        own = self._id(number, row, "order", required=map_.row == "line")
        customer = self._id(number, row, "customer")
        cancelled = self._is_cancelled(row)
        if customer is None:
            return "no_customer"
        if skipped := self._skipped(quantity, amount, cancelled):
            return skipped
        refund = cancelled or quantity < 0 or amount < 0
        original = self._id(number, row, "original_order") if refund else None
        has_own_id = original is not None or (cancelled and self._cancellations_have_ids)
        return Line(
            number=number,
            customer=customer,
            time_ms=time_ms,
            refund=refund,
            amount=abs(amount),
            price=abs(price),
            quantity=abs(quantity),
            order=original if has_own_id else own,
            cancellation=own if has_own_id else None,
            product=self._id(number, row, "product"),
            currency=self._currency(number, row),
            product_amounts=self._amounts(number, row),
            product_texts=_texts(row, self._product_texts),
            order_texts=_texts(row, self._order_texts),
        )

    def _skipped(self, quantity: Decimal, amount: Decimal, cancelled: bool) -> Skipped | None:
        map_ = self._map
        if cancelled and map_.cancelled is not None and map_.cancelled.then == "skip":
            return "cancelled"
        if quantity == 0:
            return "zero_quantity"
        if amount == 0 and map_.zero_lines == "skip":
            return "zero_price"
        if not cancelled and map_.negative_lines == "skip":
            if quantity < 0:
                return "negative_quantity"
            if amount < 0:
                return "negative_price"
        return None

    def _is_cancelled(self, row: dict[str, str]) -> bool:
        rule = self._map.cancelled
        if rule is None:
            return False
        text = row[rule.column]
        return text in rule.values if rule.prefix is None else text.startswith(rule.prefix)

    def _money(
        self, number: int, row: dict[str, str], quantity: Decimal
    ) -> tuple[Decimal, Decimal]:
        """(price per piece, amount of the line): the one with a column gives the other."""
        amount = self._decimal(number, row, self._columns.amount, AMOUNT_MAX)
        if amount is not None:
            return per_piece(abs(amount), abs(quantity)) if quantity else amount, amount
        price = self._decimal(number, row, self._columns.price, AMOUNT_MAX)
        assert price is not None, "a map has price or amount"
        amount = EXACT.multiply(price, quantity)
        if abs(amount) > AMOUNT_MAX:
            raise HistoryRowError(number, self._columns.price, f"times quantity is {amount:,}")
        return price, amount

    def _amounts(self, number: int, row: dict[str, str]) -> tuple[tuple[str, Decimal], ...]:
        found = []
        for role, column in self._product_amounts:
            if row[column] and (amount := self._decimal(number, row, column, AMOUNT_MAX)):
                found.append((role, abs(amount)))
        return tuple(found)

    def _decimal(
        self, number: int, row: dict[str, str], column: str | None, largest: int
    ) -> Decimal | None:
        """The number in a column of the map, None where the map has no such column."""
        if column is None:
            return None
        text = row[column]
        if len(text) > NUMBER_CHARACTERS_MAX or not self._number.fullmatch(text):
            raise HistoryRowError(number, column, f"{_shown(text)} is not a number")
        layout = self._map.layout
        if layout.thousands:
            text = text.replace(layout.thousands, "")
        value = Decimal(text.replace(layout.decimal, "."))
        if abs(value) > largest:
            raise HistoryRowError(number, column, f"{_shown(text)} is beyond {largest:,}")
        return value

    def _instant(self, number: int, text: str) -> int:
        column = self._columns.time
        try:
            time_ms = self._time_ms(text)
        except (ValueError, OverflowError):
            wanted = self._map.time.format
            raise HistoryRowError(
                number, column, f"{_shown(text)} is not a time ({wanted})"
            ) from None
        if time_ms < EARLIEST_MS:
            raise HistoryRowError(number, column, f"{_shown(text)} is before 1990: an unset clock")
        return time_ms

    def _parse_time(self, text: str) -> int:
        """A local time that the autumn's clock change makes ambiguous is the first of the two."""
        wanted = self._map.time.format
        moment = datetime.fromisoformat(text) if wanted == ISO else _strptime(text, wanted)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone)
        return (moment - _EPOCH) // timedelta(milliseconds=1)

    def _id(
        self, number: int, row: dict[str, str], role: IdRole, *, required: bool = False
    ) -> str | None:
        column: str | None = getattr(self._columns, role)
        if column is None:
            return None
        text = row[column]
        if text.lower() in EMPTY_IDS:
            if required:
                raise HistoryRowError(number, column, "is empty")
            return None
        if len(text.encode()) > ID_BYTES_MAX or not text.isprintable():
            raise HistoryRowError(number, column, f"{_shown(text)} cannot be an id")
        whole = role in self._map.whole_ids and WHOLE_ID.fullmatch(text)
        return whole[1] if whole else text

    def _currency(self, number: int, row: dict[str, str]) -> str | None:
        column = self._columns.currency
        if column is None or not row[column]:
            return self._map.currency
        code = row[column].upper()
        if not CURRENCY.fullmatch(code):
            raise HistoryRowError(number, column, f"{_shown(code)} is not a currency like EUR")
        return code

    def _columns_of(self, roles: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """(role, column) of those roles that have a column."""
        named = ((role, getattr(self._columns, role)) for role in roles)
        return tuple((role, column) for role, column in named if column is not None)


def _texts(
    row: dict[str, str], columns: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    return tuple((role, row[column]) for role, column in columns if row[column])


def _strptime(text: str, wanted: str) -> datetime:
    return datetime.strptime(text, wanted)  # noqa: DTZ007 - its caller adds the zone


def _shown(text: str) -> str:
    """The cell, short enough for a message."""
    return repr(text if len(text) <= 40 else text[:40] + "...") if text else "an empty cell"


def _number_pattern(layout: Layout) -> re.Pattern[str]:
    """Numbers as the file writes them; thousands marks stand between all groups of three, or none.

    >>> pattern = _number_pattern(Layout(decimal=",", thousands="."))
    >>> [bool(pattern.fullmatch(text)) for text in ("1.234,56", "1234,56", "1.23", "1e3", "")]
    [True, True, False, False, False]
    """
    groups = rf"|\d{{1,3}}(?:{re.escape(layout.thousands)}\d{{3}})+" if layout.thousands else ""
    return re.compile(rf"[+-]?(?:\d+{groups})(?:{re.escape(layout.decimal)}\d+)?", re.ASCII)
