"""A record of the `reference` topic, and what is kept of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from stream.events.properties import Amount, Label, Text


class ReferenceRecord(msgspec.Struct, kw_only=True, gc=False):
    """One record of the topic, key `type:id`, value JSON.

    `valid_from` is an RFC 3339 time; without one the record holds from the beginning. What a
    record leaves out is unknown from then on: it replaces the version before, as a compacted
    topic does. `stock` is the number of pieces that can be sent now. `product_id` of a variant
    names its product.
    """

    type: Literal["product", "variant"]
    id: str | int
    valid_from: str | None = None
    list_price: Amount = None
    cost: Amount = None
    stock: int | None = None
    category: Text | None = None
    brand: Text | None = None
    size: Text | None = None
    product_id: Label = None


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What holds for a product or variant from `valid_from_ms` on; None is unknown."""

    valid_from_ms: int
    list_price_micros: int | None
    cost_micros: int | None
    in_stock: bool | None
    category: str | None
    brand: str | None
    size: str | None
    product_id: str | None
