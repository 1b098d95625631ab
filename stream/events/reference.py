"""What is known about products besides the events: the `reference` topic, joined as of an event.

A record says what holds for a product or a variant from an instant on. Route stamps it into the
items of the customer log, so that the log still decides: a price corrected later does not change
what a customer saw.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Final

import msgspec

from stream.clock import NEVER_MS, InvalidTimeError, instant_ms
from stream.events.identity import ID_BYTES_MAX
from stream.events.labels import text_label
from stream.events.money import micros
from stream.events.reference_record import Facts, ReferenceRecord
from stream.events.rejection import RejectedEventError

HISTORY_MAX: Final = 32
"""Versions of one product or variant that are kept; the oldest go. A daily price then reaches
back a month, which is longer than events are late; at 280 bytes a version, 9 KB a product."""


IDS_MAX: Final = 1_000_000
"""Products, and as many variants, that a book knows: the largest shops' assortments. With one
version each that is about 500 MB; a shop with ten thousand products takes 5."""


class InvalidReferenceError(ValueError):
    """A record of the reference topic is wrong; the message names the field and the id."""


class _History:
    """Versions of one product or variant, and the one that was asked for last.

    Events come in about the order of time: most often it is that one again, without a search.
    """

    __slots__ = ("_from_ms", "_last", "_until_ms", "_versions")

    def __init__(self) -> None:
        self._versions: list[Facts] = []
        self._last: Facts | None = None
        self._from_ms = self._until_ms = NEVER_MS

    def add(self, facts: Facts) -> None:
        versions = self._versions
        place = bisect_right(versions, facts.valid_from_ms, key=_valid_from_ms)
        if place and versions[place - 1].valid_from_ms == facts.valid_from_ms:
            versions[place - 1] = facts
        else:
            versions.insert(place, facts)
            del versions[:-HISTORY_MAX]
        self._from_ms = self._until_ms = NEVER_MS

    def as_of(self, time_ms: int) -> Facts | None:
        """The version in force at an instant."""
        if not self._from_ms <= time_ms < self._until_ms:
            versions = self._versions
            place = bisect_right(versions, time_ms, key=_valid_from_ms)
            self._last = versions[place - 1] if place else None
            self._from_ms = versions[place - 1].valid_from_ms if place else -NEVER_MS
            self._until_ms = versions[place].valid_from_ms if place < len(versions) else NEVER_MS
        return self._last


class ReferenceBook:
    """Bounded histories of products and variants.

    >>> book = ReferenceBook()
    >>> book.update(b'{"type":"product","id":"P1","category":"Games","list_price":19.99}')
    >>> [(facts.category, facts.list_price_micros) for facts in book.facts("P1", None, 0)]
    [('Games', 19990000)]
    """

    def __init__(self, ids_max: int = IDS_MAX) -> None:
        self._ids_max = ids_max
        self._products: dict[str, _History] = {}
        self._variants: dict[str, _History] = {}

    def update(self, value: bytes) -> None:
        """Takes one record; a second one for the same instant replaces the first.

        Raises
        ------
        InvalidReferenceError
            Names the field.
        """
        record = _decode(value)
        histories = self._products if record.type == "product" else self._variants
        facts = _facts(record)
        name = str(record.id)
        history = histories.get(name)
        if history is None:
            if len(histories) >= self._ids_max:
                message = f"Reference record {name!r}: more than {self._ids_max} ids"
                raise InvalidReferenceError(message)
            history = histories[name] = _History()
        history.add(facts)

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Takes one record of the reference topic: a value, or the tombstone of its key.

        Raises
        ------
        InvalidReferenceError
            As `update`.
        """
        if value is not None:
            self.update(value)
        elif key is not None:
            self.remove(key)

    def remove(self, key: bytes) -> None:
        """Takes the tombstone of a key `product:ID` or `variant:ID`; others mean nothing."""
        kind, _, name = key.decode(errors="replace").partition(":")
        if kind == "product":
            self._products.pop(name, None)
        elif kind == "variant":
            self._variants.pop(name, None)

    def facts(self, product_id: str | None, sku: str | None, time_ms: int) -> tuple[Facts, ...]:
        """What was true of a product at `time_ms`: its variant's facts (by sku), then its own.

        Where the event does not name the product, the variant does.
        """
        variant = product = None
        if sku and (history := self._variants.get(sku)) is not None:
            variant = history.as_of(time_ms)
            if variant is not None and product_id is None:
                product_id = variant.product_id
        if product_id and (history := self._products.get(product_id)) is not None:
            product = history.as_of(time_ms)
        if product is None:
            return () if variant is None else (variant,)
        return (product,) if variant is None else (variant, product)


_valid_from_ms: Final = attrgetter("valid_from_ms")


REFERENCE_BYTES_MAX: Final = 32 * 1024
"""Bytes of one record, as many as of an event; and of its id as many as of a customer's."""

_decode_record: Final = msgspec.json.Decoder(ReferenceRecord, strict=False).decode


def _decode(value: bytes) -> ReferenceRecord:
    if len(value) > REFERENCE_BYTES_MAX:
        raise InvalidReferenceError(
            f"Reference record: Expected at most {REFERENCE_BYTES_MAX} bytes"
        )
    try:
        record = _decode_record(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidReferenceError(f"Reference record: {error}") from None
    if not str(record.id).strip():
        raise InvalidReferenceError("Reference record: Expected an id - at `$.id`")
    if len(str(record.id).encode()) > ID_BYTES_MAX:
        message = f"Reference record: Expected at most {ID_BYTES_MAX} bytes - at `$.id`"
        raise InvalidReferenceError(message)
    return record


def _facts(record: ReferenceRecord) -> Facts:
    try:
        valid_from_ms = 0 if record.valid_from is None else instant_ms(record.valid_from)
        return Facts(
            valid_from_ms=valid_from_ms,
            list_price_micros=micros(record.list_price, "$.list_price"),
            cost_micros=micros(record.cost, "$.cost"),
            in_stock=None if record.stock is None else record.stock > 0,
            category=record.category,
            brand=record.brand,
            size=record.size,
            product_id=text_label(record.product_id) if record.type == "variant" else None,
        )
    except InvalidTimeError as error:
        raise InvalidReferenceError(
            f"Reference record {record.id!r}: {error} - at `$.valid_from`"
        ) from None
    except RejectedEventError as rejection:
        raise InvalidReferenceError(f"Reference record {record.id!r}: {rejection}") from None
