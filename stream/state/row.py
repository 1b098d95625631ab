"""The row of a customer: typed parts, absent (None) until an event needs them.

Most rows are visitors who only browse, so a part that never came into being costs one byte packed.
Sizes are bounded by the constants of each part's file; a full row packs to under 12 KiB:
512 + 512 message ids of 8 bytes, 50 cart lines of 30, 32 orders of 30, 50 traits.
"""

from __future__ import annotations

import msgspec

from stream.clock import NEVER_MS
from stream.state.dedupe import MessageIds
from stream.state.kept import Kept


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

    `entered_ms` is of the membership that it belongs to, `definition` that one's version.
    """

    segment: str
    sequence: int
    time_ms: int
    entered_ms: int
    until_ms: int
    definition: str
    channels: tuple[str, ...] = ()


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


ROW_FORMAT = 2
"""The first element of a packed row."""


class Row(msgspec.Struct, array_like=True, kw_only=True, gc=False, tag=ROW_FORMAT):
    """Everything kept of a customer.

    first_ms    when it was first heard of; `last_ms` is of the latest activity of its own
    time_ms     the row's own time: of its latest applied event, fired timer or activation
    timer_ms    when the row next wants to be woken; never later than its next flip
    activation  number of the last version activation that it was evaluated under
    bits        per evaluation unit, two bits a leaf: known, true
    segments    memberships, each with the instant since when
    buckets     population feature -> histogram bucket that it is counted in
    forward_to  where records for this id go instead; the row then holds no state
    targets     recent (id, time) that it was linked to, to tell shared devices
    ways        to whom records for this id went, each since when; "" is itself
    aliases     ids that were merged into it, for erasure
    traits_ms   of the latest identify
    changed_ms  of the latest change of its segments
    learned_ms  when the clusters last learned from it
    windows     what the definitions' measures keep of past events, by key
    shadows     memberships of which nobody is told
    past        segment -> when it was last entered and left, where its rules ask for that
    filled      measure -> whose past was added to it, as hashes, while a backfill goes on
    consent     CHANNEL/PURPOSE -> since when, and whether the customer agrees (state/consents.py)
    voice       what is said to the customer, once there was something to say
    flip_ms     when time next turns a comparison, at the earliest; 0: not known. A timer that is
                due before it is for the end of a visit or the like, and asks for less
    looks       products looked at again -> first view (state/looks.py)
    wishes      products on the wish list -> since when (state/wishes.py)
    flips       unit -> when time next turns a leaf of it; of live rows alone: None in a packed one,
                and until all units have been decided again
    pace        how fast events come, of who had more than 512 within a day
    """

    timer_ms: int = NEVER_MS
    segments: dict[str, int] = {}
    first_ms: int = 0
    last_ms: int = 0
    time_ms: int = 0
    sequence: int = 0
    activation: int = 0
    bits: list[int] = []
    cluster: str | None = None
    buckets: dict[str, int] = {}
    events: int = 0
    ids: MessageIds | None = None
    ids_since_ms: int = 0
    sessions: Sessions | None = None
    cart: Cart | None = None
    checkout: Checkout | None = None
    browse: Browse | None = None
    orders: Orders | None = None
    messages: Messages | None = None
    traits: dict[str, str | int | float | bool] = {}
    channels: dict[str, int] = {}
    forward_to: str | None = None
    shared: bool = False
    targets: list[tuple[str, int]] = []
    aliases: list[str] = []
    traits_ms: int = 0
    learned_ms: int = 0
    changed_ms: int = 0
    windows: dict[str, Kept] = {}
    shadows: dict[str, int] = {}
    past: dict[str, tuple[int, int]] = {}
    filled: dict[str, list[int]] = {}
    consent: dict[str, tuple[int, bool]] = {}
    voice: Voice | None = None
    flip_ms: int = 0
    looks: dict[str, int] = {}
    wishes: dict[str, int] = {}
    flips: dict[int, int] | None = None
    ways: tuple[tuple[str, int], ...] = ()
    pace: Pace | None = None


class Head(msgspec.Struct, array_like=True, gc=False, tag=ROW_FORMAT):
    """The beginning of a packed row, which is all that a restore reads of it."""

    timer_ms: int = NEVER_MS
    segments: dict[str, int] = {}
