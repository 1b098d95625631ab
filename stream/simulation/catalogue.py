"""The shop's products over time: prices and sales, stock and sold-out sizes, as JSON fragments.

What an event says of a product is fixed for as long as its price and stock are, so each `Offer`
renders its fragments once, when first asked; visits then only join bytes. That is what lets the
simulator outrun the programs that it feeds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from random import Random

import orjson

from stream.clock import DAY_MS, rfc3339
from stream.simulation.assortment import ADJECTIVES, BRANDS, CATEGORIES, COLOURS, Category
from stream.simulation.seasons import (
    REDUCED_FACTORS,
    REDUCED_RATIO,
    Season,
    seasons_between,
)
from stream.simulation.seeds import CATALOGUE, seed_of

SHOP_URL = "https://shop.example"
CURRENCY = "EUR"
PRODUCTS_PER_CATEGORY = 30

REGULAR_DAYS_MEAN = 28.0
SALE_DAYS_MEAN = 6.0
IN_STOCK_DAYS_MEAN = 18.0
SOLD_OUT_DAYS_MEAN = 1.6
SALE_STEP = 1_000
"""Beyond the seeds' steps of a product's sizes."""

PACK_FACTORS = (0.6, 1.0, 1.8)
"""Price of the small, middle and large pack, against the middle one."""

END_SIZES_IN_STOCK_DAYS_MEAN = 9.0
END_SIZES_SOLD_OUT_DAYS_MEAN = 3.0
"""Smallest and largest sizes are bought in ones and twos, and run out first."""


class Offer:
    """A variant at one price and stock, valid from `from_ms`; `cents` are price and list price."""

    __slots__ = (
        "_item", "_line", "_short", "from_ms", "list_cents", "price_cents", "stock", "variant",
    )  # fmt: skip

    def __init__(self, variant: Variant, from_ms: int, cents: tuple[int, int], stock: int) -> None:
        self.variant = variant
        self.from_ms = from_ms
        self.price_cents, self.list_cents = cents
        self.stock = stock
        self._item = b""
        self._line = b""
        self._short = b""

    @property
    def item(self) -> bytes:
        """Members of the product as a product page sends it, without braces."""
        if not self._item:
            product = self.variant.product
            self._item = _members(
                {
                    **self._identity(),
                    "availability": "in_stock" if self.stock else "out_of_stock",
                    "url": f"{SHOP_URL}{product.path}",
                    "image_url": f"https://img.shop.example/{product.product_id}.jpg",
                    "currency": CURRENCY,
                    "value": self.price_cents / 100,
                }
            )
        return self._item

    @property
    def line(self) -> bytes:
        """Members of an order line without quantity; what the shop's server knows includes cost."""
        if not self._line:
            cost = self.variant.cost_cents / 100
            self._line = _members({**self._identity(), "cost": cost})
        return self._line

    @property
    def short(self) -> bytes:
        """Members of the product in a list or a cart, without quantity."""
        if not self._short:
            variant = self.variant
            self._short = _members(
                {
                    "product_id": variant.product.product_id,
                    "sku": variant.sku,
                    "price": self.price_cents / 100,
                }
            )
        return self._short

    def _identity(self) -> dict[str, str | float]:
        variant = self.variant
        product = variant.product
        return {
            "product_id": product.product_id,
            "sku": variant.sku,
            "category": product.category.name,
            "name": product.name,
            "brand": product.brand,
            "variant": product.colour,
            "size": variant.size,
            "price": self.price_cents / 100,
            "list_price": self.list_cents / 100,
        }


class Variant:
    """A size of a product, which has a stock of its own."""

    __slots__ = ("cost_cents", "offers", "product", "size", "sku", "times")

    def __init__(self, product: Product, size: str, cost_cents: int) -> None:
        self.product = product
        self.size = size
        self.sku = f"{product.product_id}-{size}"
        self.cost_cents = cost_cents
        self.times: list[int] = []
        self.offers: list[Offer] = []

    def offer(self, time_ms: int) -> Offer:
        """What it costs and whether it is there at an instant."""
        return self.offers[max(bisect_right(self.times, time_ms) - 1, 0)]


class Product:
    """A product and its variants, smallest size first."""

    __slots__ = ("brand", "category", "colour", "name", "page", "path", "product_id", "variants")

    def __init__(self, category: Category, number: int, random: Random) -> None:
        self.category = category
        self.product_id = f"P{number:04d}"
        self.brand = random.choice(BRANDS)
        self.colour = random.choice(COLOURS)
        self.name = f"{random.choice(ADJECTIVES)} {random.choice(category.nouns)}"
        self.path = f"/p/{self.product_id.lower()}-{self.name.lower().replace(' ', '-')}"
        self.page = page(self.path, f"{self.name} by {self.brand}", f"{SHOP_URL}/")
        self.variants: list[Variant] = []


class Catalogue:
    """All products, each shelf from the cheapest to the dearest.

    Parameters
    ----------
    seed
        Of the traffic.
    start_ms, end_ms
        The span for which prices and stock are laid out. A longer span begins with the shorter's.
    """

    def __init__(self, seed: int, start_ms: int, end_ms: int) -> None:
        self.shelves: list[list[Product]] = []
        sales = [season for season in seasons_between(start_ms, end_ms) if season.is_sale]
        for shelf, category in enumerate(CATEGORIES):
            first = shelf * PRODUCTS_PER_CATEGORY
            priced = []
            for number in range(first, first + PRODUCTS_PER_CATEGORY):
                random = Random(seed_of(seed, CATALOGUE, number))
                product = Product(category, number, random)
                list_cents = _list_price(category, random)
                prices = list(_price_spells(list_cents, (start_ms, end_ms), random))
                for season in sales:
                    step = SALE_STEP + season.from_ms // DAY_MS
                    random.seed(seed_of(seed, CATALOGUE, number, step))
                    prices = _reduced(prices, season, random)
                for place, size in enumerate(category.sizes):
                    # Its own stream: a longer span must not shift the next size's draws.
                    random.seed(seed_of(seed, CATALOGUE, number, place + 1))
                    stocks = _stock_spells(_spell_days(category, place), (start_ms, end_ms), random)
                    product.variants.append(_variant(product, size, prices, list(stocks)))
                priced.append((list_cents, number, product))
            self.shelves.append([product for _, _, product in sorted(priced, key=lambda p: p[:2])])
        self.shelf_pages = [
            page(f"/c/{category.name.lower().replace(' ', '-')}", category.name, f"{SHOP_URL}/")
            for category in CATEGORIES
        ]

    def offers(self) -> Iterator[Offer]:
        """Every offer of every variant, by `from_ms`, then by SKU."""
        every = [
            offer
            for shelf in self.shelves
            for product in shelf
            for variant in product.variants
            for offer in variant.offers
        ]
        every.sort(key=lambda offer: (offer.from_ms, offer.variant.sku))
        return iter(every)

    def reference(self) -> Iterator[dict[str, str | float | int]]:
        """Records of the topic `reference`: products, then variants from `valid_from` on."""
        for shelf in self.shelves:
            for product in shelf:
                yield {
                    "type": "product",
                    "id": product.product_id,
                    "name": product.name,
                    "brand": product.brand,
                    "category": product.category.name,
                }
        for offer in self.offers():
            variant = offer.variant
            category = variant.product.category
            record: dict[str, str | float | int] = {
                "type": "variant",
                "id": variant.sku,
                "product_id": variant.product.product_id,
                "valid_from": rfc3339(offer.from_ms),
                "name": variant.product.name,
                "brand": variant.product.brand,
                "category": category.name,
                "size": variant.size,
                "price": offer.price_cents / 100,
                "list_price": offer.list_cents / 100,
                "cost": variant.cost_cents / 100,
                "currency": CURRENCY,
                "stock": offer.stock,
            }
            if category.refill_days:
                record["pack_size"] = float(variant.size)
                record["pack_unit"] = category.unit
            yield record


def page(path: str, title: str, referrer: str = "", search: str = "") -> bytes:
    """The context's `page` as a member that follows others."""
    facts = {
        "path": path,
        "referrer": referrer,
        "search": search,
        "title": f"{title} | Shoal Market",
        "url": f"{SHOP_URL}{path}{search}",
    }
    return b',"page":' + orjson.dumps(facts)


def _members(facts: dict[str, str | float]) -> bytes:
    return orjson.dumps(facts)[1:-1]


def _list_price(category: Category, random: Random) -> int:
    return round(category.median_cents * random.lognormvariate(0.0, 0.45) / 100) * 100 + 90


def _spell_days(category: Category, place: int) -> tuple[float, float]:
    """Mean days on stock and sold out of the size at a place."""
    if len(category.sizes) > 3 and place in {0, len(category.sizes) - 1}:
        return END_SIZES_IN_STOCK_DAYS_MEAN, END_SIZES_SOLD_OUT_DAYS_MEAN
    return IN_STOCK_DAYS_MEAN, SOLD_OUT_DAYS_MEAN


def _price_spells(
    list_cents: int, span_ms: tuple[int, int], random: Random
) -> Iterator[tuple[int, int, int]]:
    """(from, list price, price) in turn at the regular and at a sale price."""
    time_ms, end_ms = span_ms
    on_sale = random.random() < SALE_DAYS_MEAN / (SALE_DAYS_MEAN + REGULAR_DAYS_MEAN)
    while time_ms < end_ms:
        price = list_cents
        if on_sale:
            price = round(list_cents * random.choice((0.6, 0.7, 0.75, 0.8, 0.9)))
        elif random.random() < 0.3:
            list_cents = price = round(list_cents * random.uniform(0.95, 1.08))
        yield time_ms, list_cents, price
        days = SALE_DAYS_MEAN if on_sale else REGULAR_DAYS_MEAN
        time_ms += int(random.expovariate(1.0 / days) * DAY_MS) + 1
        on_sale = not on_sale


def _reduced(
    prices: list[tuple[int, int, int]], season: Season, random: Random
) -> list[tuple[int, int, int]]:
    """The spells with a sale laid over them, if the product takes part in it."""
    takes_part, factor = random.random() < REDUCED_RATIO, random.choice(REDUCED_FACTORS)
    if not takes_part:
        return prices
    _, from_ms, until_ms, _ = season
    cuts = {spell[0] for spell in prices} | {from_ms, until_ms}
    found = []
    for time_ms in sorted(cuts):
        _, list_cents, price = [spell for spell in prices if spell[0] <= time_ms][-1]
        if from_ms <= time_ms < until_ms:
            price = min(price, round(list_cents * factor))
        found.append((time_ms, list_cents, price))
    return found


def _stock_spells(
    days: tuple[float, float], span_ms: tuple[int, int], random: Random
) -> Iterator[tuple[int, int]]:
    """(from, pieces) in turn on stock and sold out."""
    time_ms, end_ms = span_ms
    days_in, days_out = days
    sold_out = random.random() < days_out / (days_in + days_out)
    while time_ms < end_ms:
        yield time_ms, 0 if sold_out else random.randint(3, 60)
        mean = days_out if sold_out else days_in
        time_ms += int(random.expovariate(1.0 / mean) * DAY_MS) + 1
        sold_out = not sold_out


def _variant(
    product: Product,
    size: str,
    prices: list[tuple[int, int, int]],
    stocks: list[tuple[int, int]],
) -> Variant:
    """A size with an offer from each instant at which the price or its stock changes."""
    category = product.category
    factor = PACK_FACTORS[category.sizes.index(size)] if category.refill_days else 1.0
    variant = Variant(product, size, round(prices[0][1] * factor * (1.0 - category.margin)))
    for time_ms in sorted({spell[0] for spell in prices} | {spell[0] for spell in stocks}):
        _, list_cents, price_cents = [spell for spell in prices if spell[0] <= time_ms][-1]
        _, stock = [spell for spell in stocks if spell[0] <= time_ms][-1]
        cents = round(price_cents * factor), round(list_cents * factor)
        variant.times.append(time_ms)
        variant.offers.append(Offer(variant, time_ms, cents, stock))
    return variant
