from __future__ import annotations

import pytest

from stream.events.records import Custom, CustomerEvent, Item
from stream.features.inventory import Inventory
from stream.segments.readiness import Readiness, readiness
from stream.segments.reading import Reading
from tests.state.shopping import (
    DAY,
    START_MS,
    added,
    checkout,
    consent,
    identified,
    message,
    order,
    page,
    product,
    refunded,
    removed,
    search,
    thing,
)  # fmt: skip

LINES = (thing("a", 1, 10),)
ORDERS = [order(START_MS + DAY, "1", items=LINES), order(START_MS + 2 * DAY, "2", items=LINES)]
VISITS = [page(START_MS), product(START_MS + 1), search(START_MS + 2)]
CARTS = [added(START_MS + 5), removed(START_MS + 6)]


def verdicts(events: list[CustomerEvent], *conditions: str) -> list[Readiness]:
    """Of one definition for each condition, named s0, s1, ...; `enter | exit` has an exit."""
    text = ""
    for number, condition in enumerate(conditions):
        enter, _, leave = condition.partition(" | ")
        text += f"- name: s{number}\n  purpose: p\n  enter: {enter}\n"
        text += f"  exit: {leave}\n" if leave else ""
    inventory = Inventory()
    for event in events:
        inventory.observe(event)
    return list(readiness(Reading(text.encode(), "shop.yaml"), inventory))


def verdict(events: list[CustomerEvent], condition: str) -> str:
    return verdicts(events, condition)[0].verdict


@pytest.mark.parametrize(
    ("condition", "events", "expected"),
    [
        ("orders.count >= 2", ORDERS, "works"),
        ("orders.count >= 2", VISITS, "blind"),
        ("orders.count >= 2", CARTS + VISITS, "blind"),
        ("cart.items > 0", ORDERS, "blind"),
        ("cart.items > 0", CARTS + ORDERS, "works"),
        ("cart.items > 0", CARTS, "degraded"),
        ("cart.items > 0", [added(START_MS), *ORDERS], "degraded"),
        ("cart.value > 10", [added(START_MS, price=None), *CARTS[1:], *ORDERS], "blind"),
        ("cart.value > 10", CARTS + ORDERS, "works"),
        ("checkout.open", CARTS + ORDERS, "blind"),
        ("checkout.open", [checkout(START_MS), *ORDERS], "works"),
        ("sessions.count >= 2", VISITS, "works"),
        ("sessions.count >= 2", ORDERS, "degraded"),
        ("sessions.empty_searches > 0", [search(START_MS, None)], "blind"),
        ("sessions.empty_searches > 0", [search(START_MS, 3)], "works"),
        ("returns.rate > 0.5", ORDERS, "blind"),
        ("returns.rate > 0.5", [*ORDERS, refunded(START_MS + DAY, "1", 5)], "works"),
        ("returns.rate > 0.5", [*ORDERS, refunded(START_MS + DAY, None, 5)], "degraded"),
        ("orders.discount_share > 0.5", ORDERS, "blind"),
        ("orders.discount_share > 0.5", [*ORDERS, order(START_MS, "3", coupon="X")], "works"),
        ("orders.full_price_share > 0.5", ORDERS, "blind"),
        ("orders.full_price_share > 0.5", [order(START_MS, "3", coupon="X")], "blind"),
        ("orders.full_price_share > 0.5", [order(START_MS, "3", discount_micros=0)], "works"),
        ("orders.full_price_share > 0.5", [order(1, "3", discount_micros=0), *ORDERS], "degraded"),
        ("orders.usual_look < 1 * HOUR", [product(START_MS), *ORDERS], "works"),
        ("orders.usual_look < 1 * HOUR", [product(START_MS), order(START_MS, "1")], "blind"),
        ("habit(hours=(5, 11))", ORDERS, "blind"),
        ("habit(hours=(5, 11))", [order(START_MS + 9_999_999)], "works"),
        ("habit(weekday=(6, 7))", ORDERS, "works"),
        ("checkout.shipping > 4", [checkout(START_MS), *ORDERS], "blind"),
        ("checkout.shipping > 4", [checkout(1), checkout(2, shipping_micros=0), *ORDERS], "works"),
        ("percentile(orders.revenue) >= 0.9", ORDERS, "works"),
        ("percentile(orders.revenue) >= 0.9", VISITS, "blind"),
        ("messages.opened > 0", [message(START_MS, "sent")], "blind"),
        ("messages.opened > 0", [message(START_MS, "opened")], "works"),
        ("messages.opened > 0", [message(START_MS, "opened", "sms")], "works"),
    ],
)
def test_a_comparison_works_as_far_as_what_it_reads_comes(
    condition: str, events: list[CustomerEvent], expected: str
):
    assert verdict(events, condition) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("orders.count >= 1 and cart.items > 0", "blind"),
        ("orders.count >= 1 and cart.items <= 0", "degraded"),
        ("orders.count >= 1 or cart.items > 0", "degraded"),
        ("not cart.items > 0 and orders.count >= 1", "degraded"),
        ("not cart.items <= 0", "blind"),
        ("not (orders.count >= 1 or cart.items <= 0)", "blind"),
        ("since(cart.last_activity) < 1 * DAY", "blind"),
        ("not since(cart.last_activity) < 1 * DAY", "blind"),
        ("orders.count + cart.items >= 3", "degraded"),
        ("since(orders.last) > 2 * rhythm.gap", "works"),
    ],
)
def test_with_orders_alone_a_condition_is_blind_where_it_cannot_become_true(
    condition: str, expected: str
):
    assert verdict(ORDERS, condition) == expected


def test_an_exit_that_cannot_come_degrades():
    (found,) = verdicts(ORDERS, "orders.count >= 1 | since(cart.last_activity) > 1 * DAY")
    assert found.verdict == "degraded"
    assert [lack.why for lack in found.lacks][-1] == "nobody would ever leave"


def test_a_definition_is_no_better_than_those_that_it_names():
    for_carts, after_it, either = verdicts(
        ORDERS, "cart.items > 0", "in_segment('s0')", "in_segment('s0') or orders.count >= 1"
    )
    assert (for_carts.verdict, after_it.verdict, either.verdict) == ("blind", "blind", "degraded")
    assert after_it.lacks[0].why == "the segment s0 is blind"


def test_who_has_not_bought_is_seen_only_where_something_else_is_sent():
    assert verdict([*ORDERS, *VISITS], "orders.count <= 0") == "works"
    (found,) = verdicts(ORDERS, "orders.count <= 0")
    assert found.verdict == "degraded"
    assert found.lacks[0].why == "only those are seen who did what it rules out"


def test_half_of_the_events_with_a_property_degrade():
    half = [order(START_MS, "1", 5), order(START_MS + 9, "2", None)]
    (found,) = verdicts(half, "orders.revenue > 100")
    assert found.verdict == "degraded"
    assert found.lacks[0].why == "50% of Order Completed carry revenue"
    nine = [order(START_MS + n, str(n), 5) for n in range(9)] + half[1:]
    assert verdict(nine, "orders.revenue > 100") == "works"


def test_a_definition_works_from_when_the_last_of_its_needs_came():
    (found,) = verdicts([*VISITS, *ORDERS], "sessions.count >= 2 and orders.count >= 1")
    assert found.since_ms == START_MS + DAY
    assert found.sources[0].since_ms == START_MS
    (blind,) = verdicts(VISITS, "sessions.count >= 2 and orders.count >= 1")
    assert blind.since_ms is None


def test_it_says_what_to_send():
    (cart,) = verdicts(ORDERS, "cart.items > 0")
    assert [lack.send for lack in cart.lacks] == [
        "Product Added or Wishlist Product Added to Cart or Cart Viewed events"
    ]
    (searches,) = verdicts([search(START_MS, None)], "sessions.empty_searches > 0")
    assert searches.lacks[0].why == "no Products Searched carries results_count"
    assert searches.lacks[0].send == (
        "results_count: how many products a search found (on Products Searched)"
    )


def test_measures_of_events_and_traits_need_what_they_ask_of():
    bought_tea = "count(order_completed, within=90 * DAY, where=category == 'tea') >= 1"
    tea = order(START_MS, "1", items=(Item(product_id="a", category="tea"),))
    assert verdict(ORDERS, bought_tea) == "blind"
    assert verdict([tea], bought_tea) == "works"
    assert verdict(VISITS, bought_tea) == "blind"
    assert verdict(VISITS, "since(last(page_viewed)) > 3 * DAY") == "works"
    assert verdict(ORDERS, "since(last(page_viewed)) > 3 * DAY") == "blind"
    assert verdict(VISITS, "trait('vip')") == "blind"
    assert verdict([identified(START_MS, vip=True)], "trait('vip')") == "works"


def test_a_wait_for_an_event_that_never_comes_is_degraded_not_blind():
    waits = "sequence(product_added, then=not order_completed, within=1 * HOUR)"
    assert verdict(CARTS, waits) == "degraded"
    assert verdict(CARTS + ORDERS, waits) == "works"
    assert verdict(ORDERS, waits) == "blind"


def test_a_shops_own_event_is_needed_by_its_name():
    failed = Custom(START_MS, 1, START_MS, name="Payment Failed")
    asks = "count('Payment Failed', within=1 * DAY) >= 2"
    assert verdict([failed], asks) == "works"
    assert verdict([Custom(START_MS, 1, START_MS, name="Signed Up")], asks) == "blind"


@pytest.mark.parametrize(
    ("condition", "traits", "expected"),
    [
        ("trait('vip')", {"vip": True}, "works"),
        ("trait('vip')", {"name": "x"}, "blind"),
        ("trait('age') >= 18", {"name": "x"}, "blind"),
        ("trait('vip', true) and orders.count >= 2", {"name": "x"}, "degraded"),
        ("trait('vip', false) or orders.count >= 2", {"name": "x"}, "degraded"),
        ("trait('a:b', 'c:d') == 'e'", {"a:b": "e"}, "works"),
    ],
)
def test_a_trait_is_one_that_comes(condition: str, traits: dict[str, str | bool], expected: str):
    events = [*VISITS, *ORDERS, identified(START_MS, **traits)]
    (found,) = verdicts(events, f'"{condition}"')
    assert found.verdict == expected
    if expected != "works":
        name = condition.split("'")[1]
        assert found.lacks[0].why == f"no Identified carries traits.{name}"
        assert found.lacks[0].send == f"{name} among the traits (on Identified)"


@pytest.mark.parametrize(
    ("needs", "head", "said", "expected"),
    [
        ("marketing", "", [], "blind"),
        ("marketing", "", [consent(START_MS, marketing=True)], "works"),
        ("marketing", "", [identified(START_MS, email_opt_in=True)], "works"),
        ("marketing", "", [identified(START_MS, name="x")], "blind"),
        ("marketing", "consent_default: allow\n", [], "works"),
        (
            "marketing",
            "consent: {traits: {wants_mail: email/marketing}}\n",
            [identified(START_MS, wants_mail=True)],
            "works",
        ),
        ("profiling", "", [], "works"),
    ],
)
def test_who_needs_consent_needs_that_somebody_is_asked(
    needs: str, head: str, said: list[CustomerEvent], expected: str
):
    one = f"{{name: s, purpose: p, enter: orders.count >= 2, needs: {needs}}}"
    inventory = Inventory()
    for event in (*VISITS, *ORDERS, *said):
        inventory.observe(event)
    (found,) = readiness(Reading(f"{head}segments: [{one}]".encode(), "shop.yaml"), inventory)
    assert found.verdict == expected
    assert bool(found.lacks) == (expected == "blind")
