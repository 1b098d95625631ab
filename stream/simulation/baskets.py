"""Cart and wishlist of a simulated customer."""

from __future__ import annotations

from stream.simulation.catalogue import Offer, page
from stream.simulation.orders import describe
from stream.simulation.scene import Scene

CART_PIECES_MAX = 8
WISHES_MAX = 10

CART = page("/cart", "Your cart", "https://shop.example/")
WISHLIST = page("/wishlist", "Wishlist", "https://shop.example/account")


def add(scene: Scene, offer: Offer) -> None:
    """Put it into the cart."""
    customer, random = scene.customer, scene.random
    if sum(customer.cart.values()) >= CART_PIECES_MAX:
        return
    quantity = 2 if random.random() < 0.1 else 1
    customer.cart[offer.variant] = customer.cart.get(offer.variant, 0) + quantity
    properties = b'%b,%b,"quantity":%d' % (cart_id(scene), offer.item, quantity)
    scene.write("Product Added", properties, offer.variant.product.page)


def view_cart(scene: Scene) -> None:
    """Look at the cart; perhaps take something out or share it."""
    customer, random = scene.customer, scene.random
    scene.think(6_000)
    scene.write("page Cart", b',"path":"/cart"', CART)
    scene.write("Cart Viewed", b"%b,%b" % (cart_id(scene), describe_cart(scene)), CART)
    draw = random.random()
    if draw < 0.12 and customer.cart:
        scene.think(8_000)
        variant = random.choice(list(customer.cart))
        quantity = customer.cart.pop(variant)
        properties = b'%b,%b,"quantity":%d' % (
            cart_id(scene),
            variant.offer(scene.time_ms).item,
            quantity,
        )
        scene.write("Product Removed", properties, CART)
    elif draw > 0.985:
        scene.think(15_000)
        scene.write("Cart Shared", b'%b,"share_via":"email"' % cart_id(scene), CART)


def describe_cart(scene: Scene) -> bytes:
    """The `products` member of the whole cart."""
    lines = [(variant.offer(scene.time_ms), n) for variant, n in scene.customer.cart.items()]
    return describe(lines, "short")


def cart_id(scene: Scene) -> bytes:
    """The cart's id as a member; from three in ten customers it is missing, as from many shops."""
    customer = scene.customer
    if customer.index % 10 < 3:
        return b""
    return b',"cart_id":"k%d-%d"' % (customer.index, customer.orders)


def wish(scene: Scene, offer: Offer) -> None:
    """Put it on the wishlist, take one off, or move one to the cart."""
    customer, random = scene.customer, scene.random
    members = b',"wishlist_id":"w%d","wishlist_name":"Wishlist",%b'
    look = offer.variant.product.page
    if len(customer.wishes) < WISHES_MAX and offer.variant not in customer.wishes:
        customer.wishes.append(offer.variant)
        scene.write("Product Added to Wishlist", members % (customer.index, offer.item), look)
    if len(customer.wishes) > 2 and random.random() < 0.5:
        wished = customer.wishes.pop(0).offer(scene.time_ms)
        scene.think(8_000)
        scene.write("page Wishlist", b',"path":"/wishlist"', WISHLIST)
        properties = members % (customer.index, wished.item)
        if wished.stock and random.random() < 0.5:
            scene.write("Wishlist Product Added to Cart", cart_id(scene) + properties, WISHLIST)
            customer.cart[wished.variant] = customer.cart.get(wished.variant, 0) + 1
        else:
            scene.write("Product Removed from Wishlist", properties, WISHLIST)
