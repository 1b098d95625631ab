"""An order or a cancellation of the history -> the canonical event that the shop would have sent.

What is sent is Segment's envelope. `receivedAt` is when the history was imported, not when the
order was placed: that is what makes it history. Whatever follows from an event is `historic` once
its time is long before the event was received, so nobody is mailed for a cart of last year, be
it that the file is replayed or that it went through Kafka.

A message id is a hash of what the event says, and of how many equal ones came before it in the
file. So two equal purchases are two, and importing the file again (a longer export of the same
shop, too) gives the same ids, which deduplicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from stream.clock import rfc3339
from stream.events.envelope import EVENT_BYTES_MAX
from stream.events.history_line import Line
from stream.events.history_money import exact_sum, plain

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one order, or of one cancellation, in the order of the file.

    `number` is the line in the file where it starts, `time_ms` the earliest of its lines.
    `order` is the shop's id of the order, which for a cancellation is the one that it takes back:
    None where the file does not say. No order is guessed. `cancellation` is its own id.
    """

    number: int
    time_ms: int
    customer: str
    refund: bool
    order: str | None
    cancellation: str | None
    lines: tuple[Line, ...]

    @property
    def amount(self) -> Decimal:
        """The exact sum of the lines, in units of the currency; never negative."""
        return exact_sum(line.amount for line in self.lines)

    @property
    def currency(self) -> str | None:
        return self.lines[0].currency


class HistoryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A canonical event: `key` is the customer's id, `value` the envelope as JSON."""

    key: str
    time_ms: int
    value: bytes


def canonical_events(documents: Iterable[Document], received_ms: int) -> Iterator[HistoryEvent]:
    """Envelopes of the documents, in their order; `received_ms` is when the import takes place."""
    seen: dict[bytes, int] = {}
    received = rfc3339(received_ms)
    for document in documents:
        content = _content(document)
        digest = blake2b(_encode(content), digest_size=16).digest()
        ordinal = seen.get(digest, 0)
        seen[digest] = ordinal + 1
        name = blake2b(digest + ordinal.to_bytes(8, "big"), digest_size=16).hexdigest()
        envelope = {**content, "messageId": f"import-{name}", "receivedAt": received}
        value = _fitted(envelope)
        yield HistoryEvent(key=document.customer, time_ms=document.time_ms, value=value)


def _content(document: Document) -> dict[str, Any]:
    """What the event says: all of the envelope but its id and when it was received."""
    time = rfc3339(document.time_ms)
    properties: dict[str, Any] = {
        "order_id": document.order,
        "refund_id": document.cancellation,
        "total" if document.refund else "revenue": plain(document.amount),
        "currency": document.currency,
        **{role: text for line in document.lines for role, text in line.order_texts},
        "products": [_product(line) for line in document.lines],
    }
    return {
        "type": "track",
        "event": "Order Refunded" if document.refund else "Order Completed",
        "userId": document.customer,
        "originalTimestamp": time,
        "timestamp": time,
        "properties": {name: value for name, value in properties.items() if value is not None},
    }


def _fitted(envelope: dict[str, Any]) -> bytes:
    """The envelope as JSON, with as many of its first lines as an event may have bytes.

    The amount of the order stays that of all its lines.
    """
    value = _encode(envelope)
    properties = envelope["properties"]
    products = properties["products"]
    while len(value) > EVENT_BYTES_MAX and products:
        products = products[: len(products) // 2]
        value = _encode({**envelope, "properties": {**properties, "products": products}})
    return value


def _product(line: Line) -> dict[str, Any]:
    product = {} if line.product is None else {"product_id": line.product}
    amounts = {role: plain(amount) for role, amount in line.product_amounts}
    sold = {"quantity": plain(line.quantity), "price": plain(line.price), **amounts}
    return {**product, **dict(line.product_texts), **sold}
