"""What a customer looks at: searches, lists, products, and sizes that are out."""

from __future__ import annotations

from stream.simulation.assortment import CATEGORIES, QUERIES, VAIN_QUERIES
from stream.simulation.baskets import add, wish
from stream.simulation.catalogue import Offer, Product, Variant, page
from stream.simulation.customers import Customer
from stream.simulation.envelopes import text
from stream.simulation.scene import Scene

SUPPLIED_FACTOR = 0.1
"""Who buys a consumable regularly hardly buys another one of its kind in between."""

ADVOCATE_SHARES_RATIO = 0.05
"""Of views; of others one in 250."""

SEARCH = page("/search", "Search", "https://shop.example/", "?q=")


def browse(scene: Scene) -> None:
    """One product, and what led to it."""
    customer, random = scene.customer, scene.random
    kind = customer.kind
    draw = random.random()
    if draw < kind.search_ratio:
        if not _search(scene):
            return
    elif draw < kind.search_ratio + 0.3:
        _list(scene)
    product = pick_product(scene)
    variant = product.variants[int(customer.size_rank * len(product.variants))]
    if kind.soldout_tries and random.random() < 0.6:
        variant = _sold_out(scene, variant)
    view(scene, variant, customer.add_ratio * customer.impulse)


def pick_product(scene: Scene) -> Product:
    """A product that this customer looks at: a preferred shelf, around its own price rank."""
    customer, random = scene.customer, scene.random
    shelves = scene.shop.catalogue.shelves
    place = customer.shelves[random.getrandbits(1)]
    if random.random() < 0.12:
        place = random.randrange(len(shelves))
    shelf = shelves[place]
    product = shelf[0]
    for _ in range(customer.kind.sale_tries + 1):
        rank = customer.price_rank + (random.random() - random.random()) * 0.35
        product = shelf[min(max(int(rank * len(shelf)), 0), len(shelf) - 1)]
        offer = product.variants[0].offer(scene.time_ms)
        if offer.price_cents < offer.list_cents:
            break
    return product


def _sold_out(scene: Scene, variant: Variant) -> Variant:
    """The size of some product that is out, when a few tries find one."""
    for _ in range(scene.customer.kind.soldout_tries):
        if not variant.offer(scene.time_ms).stock:
            return variant
        product = pick_product(scene)
        variant = product.variants[int(scene.customer.size_rank * len(product.variants))]
    return variant


def _search(scene: Scene) -> bool:
    """Search; False when nothing was found."""
    customer, random = scene.customer, scene.random
    scene.think(5_000)
    is_vain = random.random() < (0.25 if customer.kind.soldout_tries else 0.07)
    name = CATEGORIES[customer.shelves[random.getrandbits(1)]].name
    query = random.choice(VAIN_QUERIES if is_vain else QUERIES[name])
    count = 0 if is_vain else 4 + random.getrandbits(5)
    properties = b',"query":%b,"results_count":%d' % (text(query), count)
    scene.write("page Search", properties, SEARCH)
    scene.write("Products Searched", properties, SEARCH)
    return not is_vain


def _list(scene: Scene) -> None:
    customer, random = scene.customer, scene.random
    catalogue = scene.shop.catalogue
    place = customer.shelves[random.getrandbits(1)]
    shelf, look = catalogue.shelves[place], catalogue.shelf_pages[place]
    name = CATEGORIES[place].name.encode()
    scene.think(4_000)
    scene.write("page Category", b',"category":"%b"' % name, look)
    first = random.randrange(len(shelf) - 4)
    products = b"},{".join(
        product.variants[0].offer(scene.time_ms).short for product in shelf[first : first + 4]
    )
    members = b',"list_id":"list_%d","category":"%b"' % (place, name)
    scene.write("Product List Viewed", b'%b,"products":[{%b}]' % (members, products), look)
    if random.random() < (0.35 if customer.kind.sale_tries else 0.1):
        scene.think(6_000)
        choice = b',"filters":[{"type":"price","value":"under-50"}],"sorts":[{"type":"price",'
        rest = b'"value":"asc"}],"products":[{%b}]' % products
        scene.write("Product List Filtered", members + choice + rest, look)


def view(scene: Scene, variant: Variant, add_ratio: float) -> None:
    """Look at a product, and take it, wish for it, share it, or go on."""
    customer, random = scene.customer, scene.random
    product = variant.product
    if add_ratio < 1.0 and customer.habits.refill_pace and _has_supply(customer, product):
        add_ratio *= SUPPLIED_FACTOR
    scene.think(7_000)
    if random.random() < 0.25:
        position = b',%b,"position":%d' % (variant.offer(scene.time_ms).item, random.randrange(24))
        scene.write("Product Clicked", position, product.page)
        scene.think(1_000)
    scene.write("page Product", b',"path":"%b"' % product.path.encode(), product.page)
    offer = variant.offer(scene.time_ms)
    scene.write("Product Viewed", b"," + offer.item, product.page)
    scene.think(14_000)
    if not offer.stock:
        _miss(scene, variant, add_ratio)
    elif random.random() < add_ratio:
        add(scene, offer)
    elif random.random() < customer.kind.wishlist_ratio:
        wish(scene, offer)
    elif random.random() < (ADVOCATE_SHARES_RATIO if customer.habits.is_advocate else 0.004):
        via = b',%b,"share_via":"whatsapp"' % offer.item
        scene.write("Product Shared", via, product.page)


def _miss(scene: Scene, variant: Variant, add_ratio: float) -> None:
    """The size is out: wish for it, take another one that is there, or go without."""
    draw = scene.random.random()
    if draw < 0.3:
        wish(scene, variant.offer(scene.time_ms))
    elif draw < 0.3 + add_ratio:
        cheaper = _cheaper(scene, variant)
        scene.think(9_000)
        scene.write("Product Viewed", b"," + cheaper.item, cheaper.variant.product.page)
        if cheaper.stock:
            add(scene, cheaper)


def _cheaper(scene: Scene, variant: Variant) -> Offer:
    """A cheaper product of the same shelf in the same size, else in the middle one."""
    product = variant.product
    shelf = next(s for s in scene.shop.catalogue.shelves if s[0].category is product.category)
    place = shelf.index(product)
    other = shelf[scene.random.randrange(place) if place else 0]
    offer = other.variants[product.variants.index(variant)].offer(scene.time_ms)
    if not offer.stock:
        offer = other.variants[len(other.variants) // 2].offer(scene.time_ms)
    return offer


def _has_supply(customer: Customer, product: Product) -> bool:
    return customer.usual is not None and customer.usual.product.category is product.category
