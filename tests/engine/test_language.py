"""What definitions can say, told as stories: a customer's events, and when memberships turn."""

from __future__ import annotations

from stream.clock import DAY_MS
from stream.events.records import Custom, Identified, Item, OrderCompleted, ProductViewed
from stream.state.kept import Tally, Values
from stream.state.windows import resolution_ms
from tests.engine.lane import Lane, definitions
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS, added, order, page

WEEK_STEP = resolution_ms(7 * DAY_MS)


def up(time_ms: int, step_ms: int) -> int:
    """The end of the bucket that an instant lies in."""
    return time_ms - time_ms % step_ms + step_ms


def viewed(time_ms: int, category: str, euros: float = 1, *, channel: str | None = None):
    item = Item(product_id=f"of-{category}", category=category, price_micros=int(euros * 1e6))
    return ProductViewed(time_ms, time_ms, time_ms, (), channel, item)


def bought(time_ms: int, number: str, *categories: str, euros: int = 10, channel="web"):
    items = tuple(Item(category=c, sku=c, price_micros=euros * 10**6) for c in categories)
    return OrderCompleted(
        time_ms, time_ms, time_ms, (), channel, order_id=number,
        revenue_micros=euros * 10**6 * len(items), items=items,
    )  # fmt: skip


def turns(lane: Lane) -> list[tuple[str, int]]:
    """`+name` or `-name`, with the milliseconds since the start."""
    return [("+" if t.entered else "-") + t.segment and
            (("+" if t.entered else "-") + t.segment, t.time_ms - START_MS)
            for t in lane.turns]  # fmt: skip


def test_a_count_with_a_filter_holds_for_one_event_at_a_time():
    lane = Lane(definitions(
        "name: tea, enter: 'count(product_viewed, within=7 * DAY, "
        'where=category == "tea" and price > 5) >= 2\''))  # fmt: skip
    lane.put("a", viewed(START_MS, "tea", 9), viewed(START_MS + 1, "tea", 3))
    lane.put("a", viewed(START_MS + 2, "coffee", 9))
    assert turns(lane) == []
    lane.put("a", viewed(START_MS + HOUR, "tea", 6))
    assert turns(lane) == [("+tea", HOUR)]


def test_a_window_ends_by_itself_when_its_bucket_is_as_old_as_it_is_long():
    lane = Lane(definitions("name: keen, enter: 'count(product_viewed, within=7 * DAY) >= 2'"))
    lane.put("a", viewed(START_MS, "x"), viewed(START_MS + 30 * HOUR, "x"))
    ends_ms = up(START_MS, WEEK_STEP) + 7 * DAY
    lane.tick(ends_ms - 1)
    assert turns(lane) == [("+keen", 30 * HOUR)]
    lane.tick(ends_ms)
    assert turns(lane)[1:] == [("-keen", ends_ms - START_MS)]


def test_a_late_event_counts_in_the_bucket_of_its_own_time():
    lane = Lane(definitions("name: keen, enter: 'count(product_viewed, within=7 * DAY) >= 2'"))
    lane.put("a", viewed(START_MS + 3 * DAY, "x"), viewed(START_MS, "x"))
    lane.tick(up(START_MS, WEEK_STEP) + 7 * DAY)
    assert turns(lane) == [
        ("+keen", 3 * DAY), ("-keen", up(START_MS, WEEK_STEP) + 7 * DAY - START_MS)]  # fmt: skip


def test_sums_are_over_the_items_that_pass():
    lane = Lane(
        definitions(
            "name: tea, enter: 'sum(order_completed.amount, where=category == \"tea\") >= 25'"
        )
    )
    lane.put("a", bought(START_MS, "1", "tea", "cups", "cups"))
    lane.put("a", bought(START_MS + 1, "2", "tea"))
    assert turns(lane) == []
    lane.put("a", bought(START_MS + 2, "3", "tea"))
    assert turns(lane) == [("+tea", 2)]


def test_an_average_of_nothing_is_unknown():
    lane = Lane(definitions(
        "name: small, enter: 'avg(order_completed.revenue) < 50'",
        "name: not_small, enter: 'not avg(order_completed.revenue) < 50'"))  # fmt: skip
    lane.put("a", page(START_MS))
    assert turns(lane) == []
    lane.put("a", bought(START_MS + 1, "1", "x", euros=70))
    assert turns(lane) == [("+not_small", 1)]


def test_different_values_are_counted():
    lane = Lane(
        definitions("name: wide, enter: 'distinct(product_viewed.category, within=30 * DAY) >= 3'")
    )
    for number, category in enumerate(("a", "b", "a", "c")):
        lane.put("a", viewed(START_MS + number, category))
    assert turns(lane) == [("+wide", 3)]


def test_the_first_and_latest_value_are_by_event_time():
    lane = Lane(definitions(
        "name: began_in_store, enter: 'first(order_completed.channel) == \"store\"'",
        "name: now_online, enter: 'last(order_completed.channel) == \"web\"'"))  # fmt: skip
    lane.put("a", bought(START_MS + DAY, "2", "x", channel="web"))
    assert turns(lane) == [("+now_online", DAY)]
    lane.put("a", bought(START_MS, "1", "x", channel="store"))
    assert turns(lane)[1:] == [("+began_in_store", DAY)]


def test_since_the_latest_event_of_a_kind():
    lane = Lane(
        definitions(
            "name: was_in_store, "
            "enter: 'since(last(order_completed, where=channel == \"store\")) <= 30 * DAY'"
        )
    )
    lane.put("a", bought(START_MS, "1", "x", channel="store"))
    lane.put("a", bought(START_MS + DAY, "2", "x", channel="web"))
    lane.tick(START_MS + 30 * DAY + 1)
    assert turns(lane) == [("+was_in_store", 0), ("-was_in_store", 30 * DAY + 1)]


SEQUENCE = definitions(
    "name: left, enter: 'sequence(product_added, then=not order_completed, within=1 * HOUR)'"
)


def test_a_negated_step_is_true_when_its_time_has_passed():
    lane = Lane(SEQUENCE)
    lane.put("a", added(START_MS, "p1"))
    lane.tick(START_MS + HOUR - 1)
    assert turns(lane) == []
    lane.tick(START_MS + HOUR)
    assert turns(lane) == [("+left", HOUR)]
    lane.put("a", order(START_MS + 2 * HOUR, "1", 5))
    assert turns(lane)[1:] == [("-left", 2 * HOUR)]


def test_a_negated_step_that_happens_in_time_spares_it():
    lane = Lane(SEQUENCE)
    lane.put("a", added(START_MS, "p1"), order(START_MS + HOUR - 1, "1", 5))
    lane.tick(START_MS + DAY)
    assert turns(lane) == []


def test_a_pair_in_time_is_a_sequence():
    lane = Lane(
        definitions(
            "name: quick, enter: 'since(sequence(product_viewed(where=price > 5), "
            "then=order_completed, within=30 * MINUTE)) <= 7 * DAY'"
        )
    )
    lane.put("a", viewed(START_MS, "x", 3), bought(START_MS + MINUTE, "1", "x"))
    assert turns(lane) == []
    lane.put("a", viewed(START_MS + HOUR, "x", 9), bought(START_MS + HOUR + 30 * MINUTE, "2", "x"))
    assert turns(lane) == [("+quick", HOUR + 30 * MINUTE)]


def test_bought_is_of_a_product_or_a_category():
    lane = Lane(definitions("name: tea, enter: 'bought(\"tea\", within=90 * DAY)'"))
    lane.put("a", bought(START_MS, "1", "cups"), bought(START_MS + 1, "2", "tea"))
    assert turns(lane) == [("+tea", 1)]


def test_a_habit_is_at_the_hours_of_the_shops_clock():
    # 06:00 UTC is 07:00 in Berlin in winter, 08:00 in summer.
    content = b"timezone: Europe/Berlin\n" + definitions(
        "name: early, enter: 'habit(hours=(7, 8), within=365 * DAY)'"
    )
    winter, summer = 1_768_284_000_000, 1_784_008_800_000  # 2026-01-13 and 2026-07-14, 06:00 UTC
    lane = Lane(content)
    for number in range(3):
        lane.put("w", bought(winter + number * DAY, str(number), "x"))
        lane.put("s", bought(summer + number * DAY, str(number), "x"))
    assert [(t.customer, t.time_ms) for t in lane.turns] == [("w", winter + 2 * DAY)]


def test_a_ratio_to_ones_own_past_falls_and_rises():
    lane = Lane(
        definitions(
            "name: declining, enter: 'ratio_to_past(count(order_completed, within=30 * DAY)) < 0.5'"
        )
    )
    for number in range(4):
        lane.put("a", bought(START_MS + number * DAY, str(number), "x"))
    assert turns(lane) == []
    lane.tick(START_MS + 60 * DAY)
    [(name, at_ms)] = turns(lane)
    # Of four orders in the former 30 days and one in the latest, a quarter: as the third leaves.
    assert name == "+declining"
    assert 32 * DAY <= at_ms <= 34 * DAY


def test_traits_are_numbers_texts_or_flags_as_they_are_compared():
    lane = Lane(definitions(
        "name: adult, enter: 'trait(\"age\") >= 18'",
        "name: gold, enter: 'trait(\"level\") == \"gold\"'",
        "name: staff, enter: 'trait(\"staff\")'"))  # fmt: skip
    lane.put("a", Identified(START_MS, 1, START_MS, traits={"age": "x", "level": 3}))
    assert turns(lane) == []
    lane.put("a", Identified(START_MS + 1, 2, START_MS,
                             traits={"age": 18, "level": "gold", "staff": "yes"}))  # fmt: skip
    assert turns(lane) == [("+adult", 1), ("+gold", 1), ("+staff", 1)]


def test_an_event_of_the_shops_own_is_named_in_quotes():
    lane = Lane(definitions("name: poor, enter: 'count(\"Payment Failed\", within=1 * DAY) >= 2'"))
    for number in range(2):
        lane.put("a", Custom(START_MS + number, number, START_MS, name="Payment Failed"))
        lane.put("a", Custom(START_MS + number, 10 + number, START_MS, name="Other"))
    assert turns(lane) == [("+poor", 1)]


def test_an_event_is_no_pair_with_itself():
    lane = Lane(
        definitions(
            "name: twice, enter: 'sequence(order_completed, then=order_completed, "
            "within=30 * DAY)'",
            "name: once, enter: 'sequence(order_completed, then=not order_completed, "
            "within=30 * DAY)'",
        )
    )
    lane.put("a", bought(START_MS, "1", "x"))
    assert turns(lane) == []
    lane.put("a", bought(START_MS + DAY, "2", "x"))
    lane.tick(START_MS + 32 * DAY)
    assert turns(lane) == [("+twice", DAY), ("+once", 31 * DAY)]


def test_a_wait_has_no_end_before_it_is_over():
    lane = Lane(
        definitions(
            "name: left, enter: 'since(sequence(product_added, then=not order_completed, "
            "within=1 * HOUR)) <= 2 * HOUR'"
        )
    )
    lane.put("a", added(START_MS, "p1"))
    lane.tick(START_MS + DAY)
    assert turns(lane) == [("+left", HOUR), ("-left", 3 * HOUR + 1)]


def test_whether_a_wait_of_before_was_in_vain_is_unknown_until_a_step_tells():
    lane = Lane(definitions("name: any, enter: 'cart.items > 9'"))
    lane.put("a", added(START_MS, "p1"))
    lane.put("b", added(START_MS, "p1"))
    rule = "enter: 'not sequence(product_added, then=not order_completed, within=1 * HOUR)'"
    lane.define(definitions(f"name: fine, {rule}"), START_MS + DAY)
    lane.tick(START_MS + 9 * DAY)
    assert turns(lane) == []
    lane.put("b", bought(START_MS + 10 * DAY, "1", "x"))
    assert [(t.customer, t.segment) for t in lane.turns] == [("b", "fine")]


def test_a_mean_of_items_is_of_each_item():
    lane = Lane(definitions(
        "name: dear, enter: 'avg(order_completed.price) >= 15'",
        "name: dear_lately, enter: 'avg(order_completed.price, within=9 * DAY) >= 15'",
        "name: number, enter: 'avg(order_completed.quantity) == 1'"))  # fmt: skip
    lane.put("a", bought(START_MS, "1", "x", "y", "z", euros=10))
    assert turns(lane) == [("+number", 0)]
    lane.put("a", bought(START_MS + 1, "2", "x", "y", "z", euros=20))
    assert turns(lane)[1:] == [("+dear", 1), ("+dear_lately", 1)]


def test_an_amount_in_a_filter_is_exact():
    lane = Lane(definitions(
        "name: exact, enter: 'count(product_viewed, where=price == 2.01) >= 1'",
        "name: among, enter: 'count(product_viewed, where=price in {2.01, 3}) >= 1'",
        "name: most, enter: 'count(product_viewed, where=price <= 2.01) >= 1'"))  # fmt: skip
    item = Item(product_id="p", price_micros=2_010_000)
    lane.put("a", ProductViewed(START_MS, 1, START_MS, (), None, item))
    assert turns(lane) == [("+exact", 0), ("+among", 0), ("+most", 0)]


def test_a_habit_of_hours_is_of_orders_that_say_no_items_as_well():
    lane = Lane(definitions("name: early, enter: 'habit(hours=(0, 24), at_least=2)'"))
    for number in range(2):
        lane.put("a", order(START_MS + number * DAY + 1, str(number), 5))
    assert turns(lane) == [("+early", DAY + 1)]


def test_a_late_event_from_before_a_measure_was_kept_makes_its_past_a_part():
    rule = "name: few, enter: 'count(product_viewed, within=7 * DAY) <= 3'"
    lane = Lane(definitions("name: any, enter: 'cart.items > 9'"))
    lane.define(definitions(rule), START_MS)
    lane.tick(START_MS)
    lane.put("a", page(START_MS + DAY))
    assert turns(lane) == [("+few", DAY)]
    # Nobody enters on unknown, and nobody leaves: but what was known no longer is.
    lane.put("a", page(START_MS - DAY))
    assert lane.row("a").bits == [0]
    lane.tick(START_MS + 9 * DAY)
    assert lane.row("a").bits == [3]


def test_a_past_ratio_can_be_computed_with():
    rule = "1 - ratio_to_past(count(order_completed, within=30 * DAY)) > 0.5"
    lane = Lane(definitions(f"name: declining, enter: '{rule}'"))
    for number in range(4):
        lane.put("a", bought(START_MS + number * DAY, str(number), "x"))
    lane.tick(START_MS + 60 * DAY)
    assert [name for name, _ in turns(lane)] == ["+declining"]


def test_long_texts_are_cut_and_stay_different():
    there = f"name: there, enter: 'last(page_viewed.page) == \"{'x' * 99}b\"'"
    lane = Lane(definitions("name: wide, enter: 'distinct(page_viewed.page) >= 2'", there))
    lane.put("a", page(START_MS, page="x" * 99 + "a"), page(START_MS + 1, page="x" * 99 + "b"))
    assert turns(lane) == [("+wide", 1), ("+there", 1)]
    kept = lane.row("a").windows.values()
    texts = [text for one in kept if isinstance(one, Values) for text in one.latest]
    texts += [str(one.last) for one in kept if isinstance(one, Tally)]
    assert [len(text) for text in texts] == [64, 64, 64]
