"""Missed demand by product and size: what was wanted and not bought, and what that cost.

A customer wants a variant who looks at it, puts it into the cart or on the wishlist. Within
`WANTED_MS` it is bought, or another size of the product is (switched), or neither: missed. Wants
that are younger at the end count as they stand, as missed so far. A missed want is a **lost buyer**
where the variant was out of stock when last wanted. The money is

    lost revenue = price x lost buyers x conversion rate of the same product when in stock

where the price is the latest seen, and the rate is the share that bought the product (any size) of
those who wanted any variant of it that was in stock when last wanted. It is None, and not 0,
where the stock is unknown: availability comes with the event (`in_stock`, `availability`) or from
the reference data (stock of the variant); what carries neither says so in `stock`, and what
carries no size is counted by product, with `size` None.
"""

from __future__ import annotations

import msgspec

from stream.clock import DAY_MS
from stream.events.changes import SegmentChanged
from stream.events.records import (
    MICROS,
    CartAdded,
    CustomerEvent,
    Item,
    OrderCompleted,
    ProductViewed,
    WishlistChanged,
)
from stream.outcomes.recent import Recent
from stream.state.orders import order_number

WANTED_MS = 30 * DAY_MS
"""How long a want lasts. Then it is settled: bought, switched or missed."""

WANTS_MAX = 20
"""Wants kept of a customer, as many as the row keeps of products looked at; the one wanted longest
ago is settled for a new one."""

CUSTOMERS_MAX = 300_000
"""Customers with wants that are not settled: about 250 bytes a want. The one who wanted longest ago
is settled for a new one."""

VARIANTS_MAX = 200_000
PAIRS_MAX = 200_000
"""Variants, and pairs of a product bought and one wanted, about 200 bytes each. Further ones are
counted as left out."""

Variant = tuple[str, str | None]
"""A product, and the size where one is said, else the article number, else None."""


class MissedDemand(msgspec.Struct, frozen=True):
    """A variant that was wanted. Numbers are of customers' wants, not of events.

    stock             known, unknown, or partly known, of its wants
    wanted            of these bought, switched (to another size), or missed
    undecided         of the missed, those who may still buy
    lost_buyers       missed while out of stock; None where the stock is never said
    conversion_rate   of the product's wants in stock
    lost_revenue      price x lost_buyers x conversion_rate, in units of the currency
    """

    product: str
    size: str | None
    stock: str
    wanted: int
    added: int
    bought: int
    switched: int
    missed: int
    undecided: int
    lost_buyers: int | None
    price: float | None
    conversion_rate: float | None
    lost_revenue: float | None


class Alternative(msgspec.Struct, frozen=True):
    """Buyers of a product who had wanted another one within `WANTED_MS` before, and not bought it.

    Of purchases: who buys twice counts twice. `share` is of all the product's.
    """

    bought: str
    wanted: str
    buyers: int
    share: float


class _Sums:
    __slots__ = (
        "added", "bought", "lost", "missed", "price_micros", "stock_known", "switched", "undecided",
        "wanted",
    )  # fmt: skip

    def __init__(self) -> None:
        self.wanted = self.added = self.bought = self.switched = self.missed = self.lost = 0
        self.stock_known = self.undecided = 0
        self.price_micros: int | None = None


class _Want:
    """One customer's want of a variant; `in_stock` as it was last said."""

    __slots__ = ("added", "in_stock", "last_ms")

    def __init__(self, time_ms: int) -> None:
        self.last_ms = time_ms
        self.added = False
        self.in_stock: bool | None = None


class Demand:
    """Counts wants as customers' events come, and settles them.

    `left_out` counts what did not fit the bounds.
    """

    def __init__(self) -> None:
        self.left_out = self.repeated = 0
        self._wants: dict[str, dict[Variant, _Want]] = {}
        self._variants: dict[Variant, _Sums] = {}
        self._in_stock: dict[str, list[int]] = {}
        self._buyers: dict[str, int] = {}
        self._pairs: dict[tuple[str, str], int] = {}
        self._messages = Recent()
        self._orders = Recent()
        self._now_ms = 0

    # -- what happens ---------------------------------------------------------------------------

    def event(self, customer: str, record: CustomerEvent) -> None:
        """Take a customer's event; those that want or buy something count."""
        if not isinstance(record, OrderCompleted | ProductViewed | CartAdded | WishlistChanged):
            return
        if not self._messages.is_news((customer, record.message_id)):
            self.repeated += 1
            return
        self._now_ms = max(self._now_ms, record.time_ms)
        if isinstance(record, OrderCompleted):
            # An update, or the same order told by the till as well, is no second purchase.
            if self._orders.is_news((customer, order_number(record.order_id, record.message_id))):
                self._buy(customer, record)
        elif not isinstance(record, WishlistChanged) or record.action == "added":
            self._want(customer, record.item, record.time_ms, isinstance(record, CartAdded))

    def change(self, change: SegmentChanged) -> None:
        """Segments say nothing of demand."""

    def merged(self, source: str, target: str) -> None:
        """Two ids are one customer: the same variant was wanted once."""
        theirs = self._wants.pop(source, None)
        if theirs is None:
            return
        mine = self._wants[target] = self._wants.pop(target, {})
        for variant, want in theirs.items():
            known = mine.get(variant)
            if known is None:
                mine[variant] = want
                continue
            self._variants[variant].wanted -= 1
            self._variants[variant].added -= want.added and known.added
            known.added |= want.added
            if want.last_ms > known.last_ms:
                known.last_ms, known.in_stock = want.last_ms, want.in_stock
        while len(mine) > WANTS_MAX:
            self._settle_oldest(mine)

    def advance(self, time_ms: int) -> None:
        """Settle the wants of those who have wanted nothing for long: they are first in line."""
        self._now_ms = max(self._now_ms, time_ms)
        while self._wants:
            customer = next(iter(self._wants))
            wants = self._wants[customer]
            if max(want.last_ms for want in wants.values()) + WANTED_MS >= time_ms:
                break
            self._forget(customer)

    def _want(self, customer: str, item: Item, time_ms: int, added: bool) -> None:
        variant = variant_of(item)
        if variant is None:
            return
        sums = self._sums(variant)
        if sums is None:
            return
        wants = self._wants.pop(customer, None)
        if wants is None:
            wants = {}
            if len(self._wants) >= CUSTOMERS_MAX:
                self._forget(next(iter(self._wants)))
        # Whoever wants something goes to the end of the line, so that its head is the oldest.
        self._wants[customer] = wants
        want = wants.get(variant)
        if want is not None and want.last_ms + WANTED_MS < time_ms:
            self._miss(variant, wants.pop(variant))
            want = None
        if want is None:
            if len(wants) >= WANTS_MAX:
                self._settle_oldest(wants)
            want = wants[variant] = _Want(time_ms)
            sums.wanted += 1
        sums.added += added and not want.added
        want.added |= added
        want.last_ms = max(want.last_ms, time_ms)
        if item.in_stock is not None:
            want.in_stock = item.in_stock
        if item.price_micros is not None:
            sums.price_micros = item.price_micros

    def _buy(self, customer: str, order: OrderCompleted) -> None:
        wants = self._wants.get(customer, {})
        bought = {v for v in map(variant_of, order.items) if v is not None}
        products = sorted({product for product, _ in bought})
        for variant in [v for v in wants if v[0] in products]:
            want = wants.pop(variant)
            if want.last_ms + WANTED_MS < order.time_ms:
                self._miss(variant, want)
                continue
            sums = self._variants[variant]
            sums.stock_known += want.in_stock is not None
            # Who bought the product without a size, or wanted it so, got what was wanted.
            same = variant in bought or variant[1] is None or (variant[0], None) in bought
            if same:
                sums.bought += 1
            else:
                sums.switched += 1
            self._count_in_stock(variant, want, bought=1)
        begin_ms = order.time_ms - WANTED_MS
        instead = sorted({v[0] for v, want in wants.items() if want.last_ms >= begin_ms})
        for product in products:
            self._buyers[product] = self._buyers.get(product, 0) + 1
            for other in instead:
                self._pair(product, other)
        if customer in self._wants and not wants:
            del self._wants[customer]

    # -- settling -------------------------------------------------------------------------------

    def _sums(self, variant: Variant) -> _Sums | None:
        sums = self._variants.get(variant)
        if sums is None:
            if len(self._variants) >= VARIANTS_MAX:
                self.left_out += 1
                return None
            sums = self._variants[variant] = _Sums()
        return sums

    def _pair(self, bought: str, wanted: str) -> None:
        pair = (bought, wanted)
        if pair not in self._pairs and len(self._pairs) >= PAIRS_MAX:
            self.left_out += 1
            return
        self._pairs[pair] = self._pairs.get(pair, 0) + 1

    def _forget(self, customer: str) -> None:
        for variant, want in self._wants.pop(customer).items():
            self._miss(variant, want)

    def _settle_oldest(self, wants: dict[Variant, _Want]) -> None:
        oldest = min(wants, key=lambda v: wants[v].last_ms)
        self._miss(oldest, wants.pop(oldest))

    def _miss(self, variant: Variant, want: _Want) -> None:
        sums = self._variants[variant]
        sums.missed += 1
        sums.stock_known += want.in_stock is not None
        sums.lost += want.in_stock is False
        self._count_in_stock(variant, want, bought=0)

    def _count_in_stock(self, variant: Variant, want: _Want, bought: int) -> None:
        """Let a settled want tell how well the product sells when it is there."""
        if want.in_stock:
            counts = self._in_stock.setdefault(variant[0], [0, 0])
            counts[0] += 1
            counts[1] += bought

    # -- the report -----------------------------------------------------------------------------

    def missed(self) -> list[MissedDemand]:
        """Every variant that was wanted: most lost revenue first, then most lost, then missed."""
        open_wants: dict[Variant, _Sums] = {}
        in_stock = {product: list(counts) for product, counts in self._in_stock.items()}
        for wants in self._wants.values():
            for variant, want in wants.items():
                so_far = open_wants.setdefault(variant, _Sums())
                so_far.missed += 1
                so_far.undecided += want.last_ms + WANTED_MS >= self._now_ms
                so_far.lost += want.in_stock is False
                so_far.stock_known += want.in_stock is not None
                if want.in_stock:
                    in_stock.setdefault(variant[0], [0, 0])[0] += 1
        nothing = _Sums()
        rows = [
            _row(variant, sums, open_wants.get(variant, nothing), in_stock.get(variant[0]))
            for variant, sums in self._variants.items()
            if sums.wanted
        ]
        return sorted(
            rows,
            key=lambda r: (
                -(r.lost_revenue or 0), -(r.lost_buyers or 0), -r.missed, r.product, r.size or "",
            ),
        )  # fmt: skip

    def alternatives(self) -> list[Alternative]:
        """What buyers had wanted instead: the most frequent pairs first."""
        rows = [
            Alternative(bought, wanted, buyers, round(buyers / self._buyers[bought], 4))
            for (bought, wanted), buyers in self._pairs.items()
        ]
        return sorted(rows, key=lambda r: (-r.buyers, r.bought, r.wanted))


def _row(
    variant: Variant, sums: _Sums, open_wants: _Sums, in_stock: list[int] | None
) -> MissedDemand:
    """A variant's numbers: what is settled, and what stands open."""
    rate = in_stock[1] / in_stock[0] if in_stock else None
    known = sums.stock_known + open_wants.stock_known
    lost = sums.lost + open_wants.lost if known else None
    price = None if sums.price_micros is None else sums.price_micros / MICROS
    revenue = None
    if lost is not None and rate is not None and price is not None:
        revenue = round(price * lost * rate, 2)
    return MissedDemand(
        product=variant[0],
        size=variant[1],
        stock=_stock_word(known, sums.wanted),
        wanted=sums.wanted,
        added=sums.added,
        bought=sums.bought,
        switched=sums.switched,
        missed=sums.missed + open_wants.missed,
        undecided=open_wants.undecided,
        lost_buyers=lost,
        price=price,
        conversion_rate=None if rate is None else round(rate, 4),
        lost_revenue=revenue,
    )


def variant_of(item: Item) -> Variant | None:
    """What tells a want apart from another; None where the event names no product.

    >>> variant_of(Item(product_id="P1", sku="P1-42", size="42"))
    ('P1', '42')
    """
    product = item.product_id or item.sku
    if product is None:
        return None
    size = item.size
    if size is None and item.sku != product:
        size = item.sku
    return (product, size)


def _stock_word(known: int, wanted: int) -> str:
    if not known:
        return "unknown"
    return "known" if known == wanted else "partly known"
