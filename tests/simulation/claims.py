"""Which segment means which latent property, and what can be expected of it at least.

The bounds are reckoned from the parameters of types and habits before any run, with room for
chance. A share p of the customers has the property; a true one becomes a member with probability
t, another one with f; then recall is t and precision p t / (p t + (1 - p) f). Where the stream
cannot tell (a liked medium after one click a month), no bound is given, and the table says so.
"""

from __future__ import annotations

from tests.simulation.latent import Claim, Heard, Test, main

STYLE_ORDERS = 3


def named(segment: str, shelf: str) -> str:
    """The name of a segment of a shelf."""
    return f"{segment}:{shelf.lower().replace(' ', '_')}"


def of_type(*names: str) -> Test:
    return lambda one: one.is_type(*names)


def has_habit(name: str, value: object) -> Test:
    return lambda one: one.habit(name) == value


def counted(kind: str, at_least: int) -> Test:
    return lambda one: one.counts[kind] >= at_least


def likes(shelf: str) -> Test:
    return lambda one: shelf in one.parameter("shelves")


def uses_up(shelf: str) -> Test:
    return lambda one: one.habit("refill_pace") > 0 and shelf in one.parameter("shelves")


def brings_coupons(one: Heard) -> bool:
    return bool(one.parameter("coupon_ratio") >= 0.5)


def pays_by(method: str) -> Test:
    return lambda one: one.parameter("payment") == method


def is_heard_in_store(one: Heard) -> bool:
    return bool(one.truth["user_id"] and one.parameter("till_per_week") >= 0.1)


def uses_express(one: Heard) -> bool:
    return bool(one.parameter("express_ratio") >= 0.3)


def opens_less_and_less(one: Heard) -> bool:
    return bool(one.parameter("fatigue_ratio") < 1.0)


def seldom_in_store(one: Heard) -> bool:
    return not is_heard_in_store(one)


def both_channels(one: Heard) -> bool:
    return one.counts["online orders"] >= 1 and one.counts["store orders"] >= 1


ORDERS = counted("Order Completed", STYLE_ORDERS)
TWO_ORDERS = counted("Order Completed", 2)
IDENTIFIED = counted("identify", 1)

CLAIMS: tuple[Claim, ...] = (
    # Said in so many words: traits and answers.
    Claim("loyalty_member", "is a member of the programme",
          lambda one: one.habit("loyalty_tier") is not None, IDENTIFIED, 0.98, 0.98),
    *(Claim(f"base:{area}", f"lives {area}", has_habit("area", area), IDENTIFIED, 0.98, 0.98,
            ever=True)
      for area in ("urban", "suburban", "rural")),
    # One answer in ten is a mood, a third of those right by chance: 0.93; the last one counts.
    Claim("promoter", "recommends the shop", has_habit("attitude", "promoter"),
          counted("Survey Answered", 1), 0.8, 0.8),
    Claim("detractor", "warns of the shop", has_habit("attitude", "detractor"),
          counted("Survey Answered", 1), 0.7, 0.7, ever=True),
    # Channels. Who comes to the till once a fortnight is there within half a year.
    Claim("store_only", "buys in stores", of_type("store_shopper"),
          lambda one: one.counts["store orders"] >= 2 and one.counts["online orders"] == 0,
          0.4, 0.95),
    Claim("online_only", "buys online", seldom_in_store,
          lambda one: one.counts["online orders"] >= 2 and one.counts["store orders"] == 0,
          0.8, 0.95),
    # Others come to a till 0.02 to 0.05 times a week, and order online ten times as often: a fifth
    # in the store is rare, as one order of few.
    Claim("omnichannel", "buys in stores and online", of_type("omnichannel"), both_channels,
          0.25, 0.8),
    # Price and benefit. A hunter's order has an applied coupon in 1/2 of the cases, and without one
    # is mostly of reduced lines in 0.6: 0.8 are on offer; of the others' 0.05 and 0.17. Of three
    # orders two are so by luck for an eighth of the others, of more hardly ever; say 0.06 of all:
    # precision 0.1 * 0.9 / (0.1 * 0.9 + 0.9 * 0.06) = 0.6.
    Claim("price_sensitive", "hunts discounts", of_type("discount_hunter"), ORDERS, 0.4, 0.7),
    # 0.4 to 0.6 of a hunter's orders have a coupon, others' 0.05: two of six at most by luck for
    # 0.04 of them, and some click a promotion before they order.
    Claim("incentive_responsive", "brings coupons", brings_coupons,
          counted("Coupon Applied", 2), 0.35, 0.7),
    # No order of three or four on offer, or one of five: 0.78 ** 3 = 0.47, 0.78 ** 4 = 0.37, 0.7.
    Claim("full_price_buyer", "does not hunt discounts",
          lambda one: not one.is_type("discount_hunter"), ORDERS, 0.95, 0.35),
    Claim("quality_seeker", "buys the dearest", of_type("quality_seeker"), TWO_ORDERS, 0.0, 0.0),
    # Express at every second order against one in twelve; gift buyers at 0.3.
    Claim("convenience_seeker", "has parcels sent express", uses_express,
          counted("express chosen", 2), 0.0, 0.95),
    # 0.85 of the orders by the liked method, and a quarter of the rest.
    *(Claim(f"payment_preference:{method}", f"pays by {method}", pays_by(method),
            lambda one: one.counts["online orders"] >= STYLE_ORDERS, 0.8, 0.75)
      for method in ("paypal", "credit_card", "invoice")),
    # Times of the day. 0.9 of a morning shopper's visits are within the hours, of others' 0.2;
    # the shop's clock is two hours from the customer's at most.
    Claim("morning_shopper", "comes in the morning", has_habit("daypart", "morning"), ORDERS,
          0.3, 0.4),
    # Everybody's peak is the evening: 0.35 of all orders. Three of five is no rarity.
    Claim("evening_shopper", "comes in the evening", has_habit("daypart", "evening"), ORDERS,
          0.1, 0.5),
    # 0.93 of the visits on two days, others' 2/7.
    Claim("weekend_shopper", "comes on weekends", has_habit("daypart", "weekend"), ORDERS,
          0.25, 0.6),
    Claim("seasonal_shopper:black_friday", "comes for Black Friday",
          has_habit("season", "black_friday"), TWO_ORDERS),
    Claim("seasonal_shopper:christmas", "comes for Christmas", has_habit("season", "christmas"),
          TWO_ORDERS),
    Claim("sale_period_buyer", "comes for the summer sale", has_habit("season", "summer_sale"),
          TWO_ORDERS),
    Claim("occasion_due", "gives a present each year",
          lambda one: one.habit("occasion_day") is not None, counted("Order Completed", 1),
          ever=True),
    # Goods that are used up. Three packs and 0.8 of a fourth are 68 days of coffee and 99 of pet
    # food, less where two are bought at once or early; of cream 152, more than a quarter has.
    *(Claim(named("refill_due", shelf), f"uses up {shelf}", uses_up(shelf),
            counted(f"orders of {shelf}", 3), 0.0, recall, ever=True)
      for shelf, recall in (("Coffee", 0.8), ("Pet Food", 0.7), ("Skin Care", 0.0))),
    *(Claim(named("habit", shelf), f"uses up {shelf}", uses_up(shelf),
            counted(f"orders of {shelf}", 4)) for shelf in ("Coffee", "Pet Food")),
    # Style. Most customers buy in the visit in which they see it first, so that who never does
    # otherwise is hard to tell from them: precision is a bit over the share of 0.12. A plan's first
    # and third visit are three days apart for who comes less than five times a week.
    Claim("spontaneous_buyer", "buys at first sight", has_habit("style", "spontaneous"), ORDERS,
          0.15, 0.6),
    Claim("planned_buyer", "looks three times first", has_habit("style", "planned"), ORDERS,
          0.15, 0.3),
    # Nine views in ten are of two shelves; a customer of 14 views a month has seven of each.
    *(Claim(named("interest", shelf), f"prefers {shelf}", likes(shelf),
            counted("Product Viewed", 60), 0.5, 0.8, ever=True)
      for shelf in ("Shoes", "Dresses", "Audio")),
    # Worth. Of a returner's money 0.64 to 0.97 comes back, of others' an eighth: the bound of
    # 0.85 takes about half of the returners, and nobody else.
    Claim("serial_returner", "sends most back", of_type("returner"),
          counted("matured orders", 4), 0.9, 0.3, ever=True),
    Claim("unprofitable", "sends most back", of_type("returner"), counted("matured orders", 4)),
    Claim("high_value", "is heavy", of_type("heavy"), TWO_ORDERS),
    # Usage.
    # The shortest fifth of the gaps, of which the heavy ones are a third: 0.07 of all.
    Claim("heavy_user", "is heavy", of_type("heavy"), counted("Order Completed", 4), 0.1, 0.6,
          ever=True),
    # Light customers place 1.6 orders a quarter, a third of them exactly one; browsers, of whom
    # there are nearly as many, do so as often.
    Claim("light_user", "is light", of_type("light"), counted("Order Completed", 1), 0.2, 0.2),
    # Browsers place one order a quarter: 0.37 of them none. A fifth of the light ones do so, too.
    Claim("exploring", "looks, and hardly buys", of_type("browser"), counted("Product Viewed", 10),
          0.25, 0.25),
    Claim("lapsed", "is lapsing", of_type("lapsing"), counted("Order Completed", 1)),
    Claim("declining", "is lapsing", of_type("lapsing"), ORDERS, ever=True),
    Claim("former_heavy_user", "is lapsing", of_type("lapsing"), ORDERS, ever=True),
    Claim("rising", "comes more and more", has_habit("rising", True), ORDERS,
          ever=True),
    # Friction.
    # A seeker's view is of a sold-out size in about half of the cases, others' in one of ten, of
    # the smallest and largest sizes in one of four: four in ten of few looks come by chance.
    Claim("stockout_frustrated", "wants what is out", of_type("sold_out_seeker"),
          counted("sold out viewed", 8), 0.08, 0.9, ever=True),
    Claim("no_results_searcher", "wants what is out", of_type("sold_out_seeker"),
          counted("Products Searched", 30), 0.0, 0.5, ever=True),
    # Seven in ten of who balks leave where it is shown, of others one: 0.27 of them at one of
    # three times, 0.1 * 0.97 / (0.1 * 0.97 + 0.9 * 0.27) = 0.28; less of who comes more often.
    Claim("shipping_shock", "balks at shipping costs", has_habit("balks_at_shipping", True),
          counted("shipping shown", 3), 0.15, 0.7, ever=True),
    # Engagement.
    # A share of 0.05 of the views against 0.004, 0.3 and 0.024 a visit; with 0.08 reviews and 0.4
    # visits' orders a word for every order against one for eight; who buys little gets there too.
    Claim("advocate", "shares and invites", has_habit("advocate", True),
          counted("Product Viewed", 100), 0.15, 0.6),
    # Twenty messages a month of which none is opened any more, after four weeks.
    Claim("message_fatigued", "is tired of messages", opens_less_and_less,
          lambda one: one.counts["Email Sent"] + one.counts["Push Notification Received"] >= 30,
          0.5, 0.7, ever=True),
    *(Claim(f"message_responsive:{medium}", f"answers {medium}", has_habit("medium", medium),
            counted(kind, 20), ever=True)
      for medium, kind in (("email", "Email Sent"), ("push", "Push Notification Received"),
                           ("sms", "SMS Sent"))),
)  # fmt: skip
"""In the order of the table."""

if __name__ == "__main__":
    main(CLAIMS)
