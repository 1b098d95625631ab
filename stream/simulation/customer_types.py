"""The latent types of customers: what the stream does not say, and the truth file does.

One row of parameters a type. A customer draws own values around its type's, so that types overlap
as they do in shops; the truth file holds the drawn ones.

=================== ===== ======= ===== ========= ====== ====== ===== ===== ======================
type                share visits  views add       orders price  lines till  sets it apart
                          a week  a     a view    of     rank   sent  a
                                  visit           checks        back  week
=================== ===== ======= ===== ========= ====== ====== ===== ===== ======================
heavy                 7 %     6.0     6      0.26   0.78   0.55  0.12  0.05 much of everything
light                18 %     0.7     4      0.20   0.66   0.45  0.10  0.02 little of everything
lapsing               9 %     3.5     5      0.20   0.66   0.50  0.12  0.03 rate halves in 9 days
discount_hunter      10 %     2.4     7      0.20   0.62   0.30  0.10  0.00 coupons, sale items
browser              15 %     3.0     9      0.04   0.30   0.50  0.10  0.00 looks, hardly buys
returner              5 %     2.6     6      0.32   0.78   0.60  0.80  0.00 sends most lines back
gift_buyer            5 %     0.9     5      0.26   0.80   0.60  0.05  0.03 gifts, other address
sold_out_seeker       4 %     2.2     7      0.16   0.60   0.55  0.10  0.00 wants what is out
quality_seeker        6 %     1.5     7      0.18   0.72   0.88  0.08  0.04 dearest, full price
convenience_seeker    6 %     1.8     3      0.34   0.84   0.60  0.05  0.00 refills, express
store_shopper         5 %     0.2     3      0.06   0.50   0.50  0.05  1.10 buys at the till
omnichannel           5 %     1.6     5      0.16   0.66   0.55  0.12  0.60 till and web
message_tired         5 %     1.2     4      0.18   0.64   0.45  0.10  0.00 opens less and less
=================== ===== ======= ===== ========= ====== ====== ===== ===== ======================
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerType:
    """Means of a type; ratios are probabilities from 0 to 1.

    visits_per_week      web and app visits
    half_life_days       the visit rate halves in this time from the first day on; None: it stays
    views_per_visit      product views
    search_ratio         views that a search leads to
    add_ratio            views that put the item into the cart
    checkout_ratio       visits with a filled cart that go to the checkout
    order_ratio          checkouts that end in an order
    shelves              categories that it prefers; none: any two
    price_rank           where in a category's prices it buys, 0 the cheapest, 1 the dearest
    sale_tries           items it passes over to find one on sale
    soldout_tries        items it passes over to find one whose size is out
    coupon_ratio         checkouts with a coupon; a third are denied
    return_ratio         lines sent back, before the category's own factor
    cancel_ratio         orders cancelled
    gift_ratio           orders that are gifts
    express_ratio        orders with express shipping
    refill_ratio         from a half on, most of the type buy consumables again as they run out
    wishlist_ratio       views that go to the wishlist
    account_ratio        customers who have an account; others stay anonymous
    till_per_week        purchases in a store
    messages_per_week    e-mail and push
    open_ratio, click_ratio    messages opened, opened ones clicked (which leads to a visit)
    fatigue_ratio        what remains of `open_ratio` after each message
    unsubscribe_ratio    messages not opened, but answered by unsubscribing
    """

    name: str
    share: float
    visits_per_week: float
    views_per_visit: float
    half_life_days: float | None = None
    shelves: tuple[str, ...] = ()
    search_ratio: float = 0.22
    add_ratio: float = 0.20
    checkout_ratio: float = 0.55
    order_ratio: float = 0.66
    price_rank: float = 0.50
    sale_tries: int = 0
    soldout_tries: int = 0
    coupon_ratio: float = 0.08
    return_ratio: float = 0.10
    cancel_ratio: float = 0.03
    gift_ratio: float = 0.03
    express_ratio: float = 0.08
    refill_ratio: float = 0.06
    wishlist_ratio: float = 0.03
    account_ratio: float = 0.70
    till_per_week: float = 0.0
    messages_per_week: float = 1.2
    open_ratio: float = 0.28
    click_ratio: float = 0.16
    fatigue_ratio: float = 1.0
    unsubscribe_ratio: float = 0.003


TYPES: tuple[CustomerType, ...] = (
    CustomerType(
        name="heavy",
        share=0.07,
        visits_per_week=6.0,
        views_per_visit=6,
        add_ratio=0.26,
        order_ratio=0.78,
        price_rank=0.55,
        return_ratio=0.12,
        refill_ratio=0.15,
        account_ratio=0.98,
        till_per_week=0.05,
        open_ratio=0.40,
    ),
    CustomerType(
        name="light",
        share=0.18,
        visits_per_week=0.7,
        views_per_visit=4,
        price_rank=0.45,
        account_ratio=0.55,
        till_per_week=0.02,
        messages_per_week=0.8,
        open_ratio=0.20,
    ),
    CustomerType(
        name="lapsing",
        share=0.09,
        visits_per_week=3.5,
        views_per_visit=5,
        half_life_days=9.0,
        return_ratio=0.12,
        account_ratio=0.90,
        till_per_week=0.03,
        open_ratio=0.18,
        fatigue_ratio=0.94,
    ),
    CustomerType(
        name="discount_hunter",
        share=0.10,
        visits_per_week=2.4,
        views_per_visit=7,
        order_ratio=0.62,
        price_rank=0.30,
        sale_tries=4,
        coupon_ratio=0.75,
        account_ratio=0.80,
        messages_per_week=1.8,
        open_ratio=0.45,
        click_ratio=0.30,
    ),
    CustomerType(
        name="browser",
        share=0.15,
        visits_per_week=3.0,
        views_per_visit=9,
        add_ratio=0.04,
        checkout_ratio=0.30,
        order_ratio=0.30,
        wishlist_ratio=0.06,
        account_ratio=0.30,
        messages_per_week=1.0,
    ),
    CustomerType(
        name="returner",
        share=0.05,
        visits_per_week=2.6,
        views_per_visit=6,
        shelves=("Shoes", "Dresses", "Jackets", "Trousers"),
        add_ratio=0.32,
        order_ratio=0.78,
        price_rank=0.60,
        return_ratio=0.80,
        account_ratio=0.95,
    ),
    CustomerType(
        name="gift_buyer",
        share=0.05,
        visits_per_week=0.9,
        views_per_visit=5,
        shelves=("Toys", "Audio", "Bags"),
        add_ratio=0.26,
        checkout_ratio=0.70,
        order_ratio=0.80,
        price_rank=0.60,
        return_ratio=0.05,
        gift_ratio=0.75,
        express_ratio=0.30,
        account_ratio=0.60,
        till_per_week=0.03,
    ),
    CustomerType(
        name="sold_out_seeker",
        share=0.04,
        visits_per_week=2.2,
        views_per_visit=7,
        shelves=("Shoes", "Shirts", "Trousers"),
        search_ratio=0.40,
        add_ratio=0.16,
        order_ratio=0.60,
        price_rank=0.55,
        soldout_tries=5,
        wishlist_ratio=0.10,
        account_ratio=0.80,
    ),
    CustomerType(
        name="quality_seeker",
        share=0.06,
        visits_per_week=1.5,
        views_per_visit=7,
        add_ratio=0.18,
        order_ratio=0.72,
        price_rank=0.88,
        coupon_ratio=0.01,
        return_ratio=0.08,
        account_ratio=0.80,
        till_per_week=0.04,
    ),
    CustomerType(
        name="convenience_seeker",
        share=0.06,
        visits_per_week=1.8,
        views_per_visit=3,
        shelves=("Coffee", "Pet Food", "Skin Care"),
        search_ratio=0.45,
        add_ratio=0.34,
        checkout_ratio=0.80,
        order_ratio=0.84,
        price_rank=0.60,
        return_ratio=0.05,
        express_ratio=0.55,
        refill_ratio=0.55,
        account_ratio=0.95,
    ),
    CustomerType(
        name="store_shopper",
        share=0.05,
        visits_per_week=0.2,
        views_per_visit=3,
        add_ratio=0.06,
        order_ratio=0.50,
        return_ratio=0.05,
        account_ratio=1.0,
        till_per_week=1.1,
        messages_per_week=0.7,
    ),
    CustomerType(
        name="omnichannel",
        share=0.05,
        visits_per_week=1.6,
        views_per_visit=5,
        add_ratio=0.16,
        price_rank=0.55,
        return_ratio=0.12,
        account_ratio=1.0,
        till_per_week=0.6,
        open_ratio=0.35,
    ),
    CustomerType(
        name="message_tired",
        share=0.05,
        visits_per_week=1.2,
        views_per_visit=4,
        add_ratio=0.18,
        order_ratio=0.64,
        price_rank=0.45,
        account_ratio=1.0,
        messages_per_week=5.0,
        open_ratio=0.50,
        click_ratio=0.08,
        fatigue_ratio=0.82,
        unsubscribe_ratio=0.015,
    ),
)
"""In the order of the truth file's shares, which add up to 1."""
