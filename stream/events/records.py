"""Records of the `customer-events` topic: what the core folds, and all that it ever sees.

The key of a record is the customer id; control records (`Tick`, `Version`, `Markers`) have none and
are written to every partition. Values are MessagePack arrays with an integer tag, so that decoding
gives the typed record straight away. Fields are only ever appended, each with a default: an old
record then still decodes.

Money is in micros (millionths of the currency's unit), integers throughout: exact for every price
that shops quote, 0.001 per screw included, and independent of the currency's exponent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

PATH_MAX: Final = 8
"""Forwarding hops of one record; a longer path is a loop between ids and ends in dead letters."""

MICROS: Final = 1_000_000
"""Micros in one unit of a currency."""


class Item(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A product or order line, joined with the reference data as of the event.

    `price_micros` is per piece as charged; `list_price_micros` and `cost_micros` per piece.
    `in_stock` is None where nobody said. `refunded_reason` is set on refund lines only.
    """

    product_id: str | None = None
    sku: str | None = None
    quantity: int = 1
    price_micros: int | None = None
    list_price_micros: int | None = None
    cost_micros: int | None = None
    category: str | None = None
    brand: str | None = None
    size: str | None = None
    in_stock: bool | None = None
    coupon: str | None = None
    reason: str | None = None


class Event(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What every event of a customer carries.

    A record is a tree of plain values, so that the garbage collector need not watch it.

    time_ms      event time, corrected for the client's clock
    message_id   64-bit hash of the message id, the dedupe key
    received_ms  when the collector received it; without one, the broker's time
    path         ids whose rows forwarded it here, oldest first
    channel      web, app, store, phone, ... where the shop says so
    """

    time_ms: int
    message_id: int
    received_ms: int
    path: tuple[str, ...] = ()
    channel: str | None = None


class PageViewed(Event, tag=1, frozen=True):
    page: str | None = None
    campaign: str | None = None


class ProductsSearched(Event, tag=2, frozen=True):
    query: str | None = None
    results_count: int | None = None


class ListViewed(Event, tag=3, frozen=True):
    list_id: str | None = None
    category: str | None = None
    filtered: bool = False


class ProductViewed(Event, tag=4, frozen=True):
    item: Item = Item()


class ProductClicked(Event, tag=5, frozen=True):
    item: Item = Item()


class CartAdded(Event, tag=6, frozen=True):
    item: Item = Item()
    cart_id: str | None = None


class CartRemoved(Event, tag=7, frozen=True):
    item: Item = Item()
    cart_id: str | None = None


class CartViewed(Event, tag=8, frozen=True):
    """`items` is the whole cart where the shop sends it, empty where not."""

    items: tuple[Item, ...] = ()
    cart_id: str | None = None


class CheckoutStepped(Event, tag=9, frozen=True):
    """`step` is started, viewed, completed or payment."""

    step: str = "started"
    checkout_id: str | None = None
    order_id: str | None = None
    value_micros: int | None = None
    payment_method: str | None = None
    shipping_method: str | None = None
    shipping_micros: int | None = None


class OrderCompleted(Event, tag=10, frozen=True):
    """`revenue_micros` excludes shipping and tax where the shop can tell, else it is the total."""

    order_id: str | None = None
    revenue_micros: int | None = None
    total_micros: int | None = None
    discount_micros: int | None = None
    shipping_micros: int | None = None
    tax_micros: int | None = None
    currency: str | None = None
    coupon: str | None = None
    items: tuple[Item, ...] = ()
    payment_method: str | None = None
    store: str | None = None
    cart_id: str | None = None
    gift: bool | None = None


class OrderUpdated(OrderCompleted, tag=11, frozen=True):
    """The order as it now is; an id not seen before makes it an order."""


class OrderCancelled(Event, tag=12, frozen=True):
    order_id: str | None = None
    revenue_micros: int | None = None
    items: tuple[Item, ...] = ()


class OrderRefunded(Event, tag=13, frozen=True):
    """`items` are the lines that came back; none and no amount means the whole order."""

    order_id: str | None = None
    refund_micros: int | None = None
    currency: str | None = None
    items: tuple[Item, ...] = ()


class CouponUsed(Event, tag=14, frozen=True):
    """`action` is entered, applied, denied or removed."""

    action: str = "entered"
    coupon: str | None = None
    discount_micros: int | None = None
    reason: str | None = None


class WishlistChanged(Event, tag=15, frozen=True):
    """`action` is added, removed or moved_to_cart."""

    action: str = "added"
    item: Item = Item()


class MessageResponded(Event, tag=16, frozen=True):
    """`action`: sent, delivered, opened, clicked, bounced, unsubscribed, marked_spam, dismissed."""

    medium: str = "email"
    action: str = "delivered"
    campaign: str | None = None


class Identified(Event, tag=17, frozen=True):
    """Traits are scalars (text, number, boolean); others are left out at decoding."""

    traits: dict[str, str | int | float | bool] = {}


class ProductReviewed(Event, tag=18, frozen=True):
    item: Item = Item()
    rating: float | None = None


class Shared(Event, tag=19, frozen=True):
    via: str | None = None


class PromotionSeen(Event, tag=20, frozen=True):
    promotion_id: str | None = None
    clicked: bool = False


class Custom(Event, tag=21, frozen=True):
    """An event outside the specification: activity with a name, and what of it is scalar."""

    name: str = ""
    properties: dict[str, str | int | float | bool] = {}


class ConsentChanged(Event, tag=22, frozen=True):
    """What the customer agrees to, or no longer does: `CHANNEL/PURPOSE` -> yes or no.

    Without a channel, as in `/marketing`, it is about every channel.
    """

    preferences: dict[str, bool] = {}


class Link(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False, tag=40):
    """The id in the key is the same person as `target`: the row becomes a forwarding address."""

    target: str
    time_ms: int
    received_ms: int
    path: tuple[str, ...] = ()


class Merge(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False, tag=41):
    """The packed row of `source`, to be merged into the customer in the key by event time."""

    source: str
    state: bytes
    time_ms: int
    received_ms: int
    path: tuple[str, ...] = ()


class Backfill(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False, tag=42):
    """What measures that were defined later would have kept of the events of the id `source`.

    state    packed: measure -> what it would have kept (state/windows.py)
    since    measure -> since when rows keep it themselves; of another time it means nothing
    sent_ms  when the id handed its row over to the one in the key; 0: it is the key's own past
    time_ms  of the earliest event that is in it
    received_ms  how far it has got along the hand-overs of the id, in the time of events
    """

    source: str
    state: bytes
    since: dict[str, int]
    time_ms: int
    received_ms: int
    sent_ms: int = 0
    path: tuple[str, ...] = ()


class Erase(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False, tag=43):
    """The customer of the id in the key is to be forgotten (engine/erasure.py).

    time_ms  up to when: what comes later of what happened before is refused; 0: up to when the
             broker took this record
    request  names it in receipts; nobody's name
    refuses  what happens later is refused as well, until a record that `lifts` it
    of       ids of the person, where it comes from one of them down to those that point there
    """

    time_ms: int
    received_ms: int
    request: str
    refuses: bool = False
    lifts: bool = False
    of: tuple[str, ...] = ()
    path: tuple[str, ...] = ()


class Alias(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False, tag=44):
    """The id `source` points to the one in the key, and had nothing to hand over.

    A `Merge` says so too. The customer keeps who points there: an erasure must find them all.
    `kept`: the customer has no room for it, and the id in the key, an alias too, keeps it instead.
    """

    source: str
    time_ms: int
    received_ms: int
    kept: bool = False
    path: tuple[str, ...] = ()


class Handover(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False, tag=45):
    """What the run that served until now has said to the customer in the key (engine/handover.py).

    voice    packed: what it had started and not withdrawn, what waits, and when it last spoke
    own      packed: this run's voice when it began to serve, of which nobody was told
    time_ms  this run's clock then
    """

    voice: bytes
    own: bytes
    time_ms: int


class Tick(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False, tag=50):
    """The clock of all sources: timers due by `clock_ms` fire."""

    clock_ms: int


class Version(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False, tag=51):
    """A new version of what decides, in force from the event time `active_ms` on.

    `kind` is definitions, population, clusters or past. `name` is the hash of `content`.
    `active_ms` 0 means: from the start of the log.
    """

    kind: str
    name: str
    active_ms: int
    content: bytes


class Markers(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False, tag=52):
    """Of ids that were erased under a former run: digest -> packed marker (engine/erasure.py).

    They are a new run's first records.
    """

    packed: dict[bytes, bytes]


CustomerEvent = (
    PageViewed
    | ProductsSearched
    | ListViewed
    | ProductViewed
    | ProductClicked
    | CartAdded
    | CartRemoved
    | CartViewed
    | CheckoutStepped
    | OrderCompleted
    | OrderUpdated
    | OrderCancelled
    | OrderRefunded
    | CouponUsed
    | WishlistChanged
    | MessageResponded
    | Identified
    | ProductReviewed
    | Shared
    | PromotionSeen
    | Custom
    | ConsentChanged
)
Control = Tick | Version | Markers
Record = CustomerEvent | Link | Merge | Backfill | Erase | Alias | Handover | Control

encode_record: Callable[[Record], bytes] = msgspec.msgpack.Encoder().encode
decode_record: Callable[[bytes], Record] = msgspec.msgpack.Decoder(Record).decode
