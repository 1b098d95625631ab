"""The typed parts of a customer's row, absent (None) until an event needs them."""

from __future__ import annotations

import msgspec

from stream.clock import NEVER_MS


class Sessions(msgspec.Struct, array_like=True, gc=False):
    """Visits, split by 30 minutes of silence. `open` ones end by timer; sums include them.

    `stocks` is a 1 and then a bit for each of the latest product views, 1 for out of stock, of
    those that say it (stocks.py).
    """

    count: int = 0
    start_ms: int = 0
    last_ms: int = 0
    open: bool = False
    pages: int = 0
    searches: int = 0
    products: int = 0
    closed_ms: int = 0
    total_pages: int = 0
    total_searches: int = 0
    empty_searches: int = 0
    total_products: int = 0
    stocks: int = 1


class CartLine(msgspec.Struct, array_like=True, gc=False):
    quantity: int
    price_micros: int
    time_ms: int


class Cart(msgspec.Struct, array_like=True, gc=False):
    """The one implicit open cart; `items` is the sum of the lines' quantities."""

    lines: dict[str, CartLine] = {}
    items: int = 0
    last_ms: int = 0
    adds: int = 0


class Checkout(msgspec.Struct, array_like=True, gc=False):
    """An open checkout: begun, and no order since.

    `shipping_micros` is what a step said last that sending costs, and `shipping_ms` when that was
    first said; -1 and 0 where none did.
    """

    started_ms: int
    last_ms: int
    steps: int = 1
    payment_method: str | None = None
    shipping_micros: int = -1
    shipping_ms: int = 0


class Browse(msgspec.Struct, array_like=True, gc=False):
    """Products looked at since the last order, each with its latest view."""

    products: dict[str, int] = {}
    last_ms: int = 0


class Order(msgspec.Struct, array_like=True, gc=False):
    """One of the latest orders; `revenue_micros` as it now stands, before refunds.

    It was bought on offer (`discounted`), at the full price, or nobody said (offers.py). `look_ms`
    is from the first look at what was bought to the order, 0 where it was not looked at (looks.py).
    """

    number: int
    time_ms: int
    revenue_micros: int = 0
    refunded_micros: int = 0
    cancelled: bool = False
    matured: bool = False
    discounted: bool = False
    items: int = 0
    full_price: bool = False
    look_ms: int = 0


class FirstPurchase(msgspec.Struct, array_like=True, gc=False):
    """What the first order was like; it stays when later ones come."""

    time_ms: int
    revenue_micros: int = 0
    items: int = 0
    product: str | None = None
    coupon: str | None = None
    channel: str | None = None
    discounted: bool = False
    full_price: bool = False


class Orders(msgspec.Struct, array_like=True, gc=False):
    """Orders, with sums that outlive the bounded list of the latest.

    `occasions` counts orders at least a day apart: two orders of one evening are one purchase
    occasion, so they say nothing about rhythm. `last_gap_ratio` is the gap before the latest
    occasion as a multiple of the rhythm as it was before it. `looked` are the orders of something
    that was looked at before, `looked_ms` is the sum of their `look_ms`.
    """

    recent: list[Order] = []
    count: int = 0
    first_ms: int = 0
    last_ms: int = 0
    revenue_micros: int = 0
    refunded_micros: int = 0
    cancelled: int = 0
    discounted: int = 0
    items: int = 0
    occasions: int = 0
    occasion_ms: int = 0
    last_gap_ms: int = 0
    last_gap_ratio: float = 0.0
    matured: int = 0
    matured_micros: int = 0
    matured_refunded_micros: int = 0
    foreign: int = 0
    currency: str | None = None
    first: FirstPurchase | None = None
    looked: int = 0
    looked_ms: int = 0
    full_price: int = 0


class Messages(msgspec.Struct, array_like=True, gc=False):
    """How messages sent to the customer were received."""

    sent: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    bounced: int = 0
    complained: int = 0
    last_sent_ms: int = 0
    last_opened_ms: int = 0
    unsubscribed: tuple[str, ...] = ()


class Spoken(msgspec.Struct, array_like=True, gc=False):
    """An action that was started: where the customer's voice was then, and how long it counts.

    `entered_ms` is of the membership that it belongs to, `definition` that one's version. `id` is
    that of the event that told of it, where a former run did; "": it follows from the rest.
    """

    segment: str
    sequence: int
    time_ms: int
    entered_ms: int
    until_ms: int
    definition: str
    channels: tuple[str, ...] = ()
    id: str = ""


class Voice(msgspec.Struct, array_like=True, gc=False):
    """What the arbiter keeps of a customer (engine/arbiter.py).

    sequence     of the latest action event
    wake_ms      when an action may start that has to wait, or the current one ends
    current      the one message action
    waiting      segment -> when it was entered, until when and from when on its action may start
    suppressing  segment -> its suppression, which holds until the exit
    starts       channel -> when its latest message actions started
    """

    sequence: int = 0
    wake_ms: int = NEVER_MS
    current: Spoken | None = None
    waiting: dict[str, tuple[int, int, int]] = {}
    suppressing: dict[str, Spoken] = {}
    starts: dict[str, list[int]] = {}


class Pace(msgspec.Struct, array_like=True, gc=False):
    """How fast events come of a customer of whom many came (state/pace.py).

    `count` events of the minute `minute` were applied; none are until `until_ms`, 0: all are.
    """

    minute: int = 0
    count: int = 0
    until_ms: int = 0
