from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.events.records import PATH_MAX, Alias, Merge
from stream.state.codec import unpack
from tests.engine.lane import BUILT_IN, Lane, Turn, definitions, expect_counts_to_add_up
from tests.engine.linked import link, live
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS, added, order, page, product

CART = definitions(
    "name: cart, enter: cart.items > 0",
    "name: buyer, enter: orders.count >= 1",
)


def test_a_linked_row_leaves_its_segments_and_sends_its_state():
    lane = Lane(CART)
    lane.put("anon", added(START_MS))
    assert lane.put("anon", link("u", START_MS + HOUR)) == [
        Turn("anon", "cart", False, START_MS + HOUR, "merge")
    ]
    ((target, sent),) = lane.effects[-1].forwards
    assert (target, sent.source, sent.path) == ("u", "anon", ("anon",))
    assert isinstance(sent, Merge)
    assert unpack(sent.state).cart.items == 1
    assert lane.effects[-1].memberships == {"anon": None}
    assert lane.row("anon").forward_to == "u"
    assert lane.row("anon").cart is None


def test_the_target_takes_the_state_over_and_tells_only_what_changed_by_it():
    lane = Lane(CART)
    lane.put("anon", added(START_MS))
    lane.put("u", order(START_MS - DAY, "1"))
    lane.put("anon", link("u", START_MS + HOUR))
    lane.deliver()
    assert lane.effects[-1].changes[0].cause == "merge"
    assert lane.turns[-1] == Turn("u", "cart", True, START_MS + HOUR, "merge")
    assert [t for t in lane.turns if t.customer == "u"] == [
        Turn("u", "buyer", True, START_MS - DAY, "event"), lane.turns[-1],
    ]  # fmt: skip
    assert lane.row("u").aliases == ["anon"]


def test_what_arrives_later_for_the_alias_is_forwarded():
    lane = Lane(CART)
    live(lane, "anon", added(START_MS), link("u"), added(START_MS + 1, "b"))
    assert lane.row("u").cart.items == 2
    counts = lane.counts()
    assert counts.forwarded == 1
    expect_counts_to_add_up(counts)


def test_a_retry_of_an_event_that_was_merged_is_a_duplicate():
    lane = Lane(CART)
    event = added(START_MS)
    live(lane, "anon", event, link("u", START_MS + 1))
    lane.put("u", page(START_MS + MINUTE))
    live(lane, "anon", event)
    assert lane.row("u").cart.items == 1
    assert lane.counts().duplicate == 1


def test_a_link_of_a_row_without_events_sends_no_state():
    lane = Lane(CART)
    lane.put("anon", link("u"))
    ((target, sent),) = lane.forwards
    assert (target, sent.source, type(sent)) == ("u", "anon", Alias)
    assert lane.row("anon").forward_to == "u"
    lane.deliver()
    assert lane.row("u").aliases == ["anon"]
    assert lane.row("u").events == 0


def test_a_repeated_link_is_a_duplicate_and_so_is_one_to_itself():
    lane = Lane(CART)
    lane.put("anon", link("u"), link("u", START_MS + HOUR), link("anon"))
    assert (lane.counts().applied, lane.counts().duplicate) == (1, 2)


def test_an_order_of_the_known_customer_closes_the_older_cart_of_the_alias():
    lane = Lane(CART)
    lane.put("u", order(START_MS + HOUR, "1"))
    live(lane, "anon", added(START_MS), link("u", START_MS + 2 * HOUR))
    assert "cart" not in lane.segments("u")
    assert [t.customer for t in lane.turns if t.segment == "cart"] == ["anon", "anon"]


def test_aliases_form_a_chain():
    lane = Lane(CART)
    live(lane, "a", added(START_MS), link("b"))
    live(lane, "b", added(START_MS + 1, "x"), link("c", START_MS + 2))
    live(lane, "a", added(START_MS + 3, "y"))
    assert lane.row("c").cart.items == 3
    assert set(lane.row("c").aliases) == {"b", "a"}
    assert lane.row("b").cart is None
    path = lane.forwards[-1][1].path
    assert path == ("a", "b")


def test_a_row_that_finds_itself_in_the_path_becomes_the_root():
    lane = Lane(CART)
    live(lane, "a", page(START_MS))
    live(lane, "b", page(START_MS))
    lane.put("a", link("b"))
    lane.put("b", link("a"))
    sent = [effects.forwards[0] for effects in lane.effects[-2:]]
    for customer, record in sent:
        lane.put(customer, record)
        lane.deliver()
    live(lane, "a", page(START_MS + 1))
    live(lane, "b", page(START_MS + 2))
    roots = [name for name in "ab" if lane.row(name).forward_to is None]
    assert len(roots) == 1
    assert lane.row(roots[0]).sessions.total_pages == 4
    assert lane.counts().dead == 0
    expect_counts_to_add_up(lane.counts())


@given(st.permutations([("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("b", "d")]))
@settings(derandomize=True, max_examples=40, deadline=None)
def test_whatever_the_links_no_event_is_lost_and_no_path_is_endless(links):
    """Cycles included: every page is counted at one row in the end."""
    lane = Lane(CART)
    for customer in "abcd":
        live(lane, customer, page(START_MS))
    for number, (source, target) in enumerate(links):
        live(lane, source, link(target, START_MS + number))
        live(lane, source, page(START_MS + 10 + number))
    for customer in "abcd":
        live(lane, customer, page(START_MS + MINUTE))
    pages = [row.sessions.total_pages for row in map(lane.row, "abcd") if row.sessions]
    assert sum(pages) == 4 + len(links) + 4
    assert lane.counts().dead == 0
    assert all(len(record.path) <= PATH_MAX for _, record in lane.forwards)
    expect_counts_to_add_up(lane.counts())


def test_an_id_of_more_than_three_customers_a_day_is_shared_and_stops_forwarding():
    lane = Lane(CART)
    live(lane, "kiosk", page(START_MS))
    for number in range(4):
        live(lane, "kiosk", link(f"u{number}", START_MS + number * HOUR))
    assert lane.row("kiosk").shared
    live(lane, "kiosk", page(START_MS + 5 * HOUR))
    assert lane.row("kiosk").sessions.total_pages == 1
    live(lane, "kiosk", link("u9", START_MS + 6 * HOUR))
    assert lane.row("kiosk").forward_to is None


def test_a_device_that_changes_hands_slowly_is_not_shared():
    lane = Lane(CART)
    for number in range(10):
        live(lane, "tablet", link(f"u{number}", START_MS + number * 9 * HOUR))
    assert not lane.row("tablet").shared
    assert lane.row("tablet").forward_to == "u9"
    assert len(lane.row("tablet").targets) <= 8


def test_a_row_that_never_had_an_event_enters_nothing():
    """A kiosk known by its links alone is no new visitor, whatever versions come."""
    lane = Lane(BUILT_IN)
    for number in range(4):
        lane.put("kiosk", link(f"u{number}", START_MS + number))
    lane.tick(START_MS + HOUR)
    lane.define(definitions("name: newcomer, enter: orders.count <= 0"), START_MS + HOUR)
    lane.tick(START_MS + 2 * HOUR)
    assert lane.turns == []


def test_a_link_that_says_nothing_new_takes_no_time_ahead():
    """An event from before it is decided by what holds at its own time."""
    lane = Lane(definitions("name: s, enter: since(orders.last) >= 1 * HOUR and cart.items > 0"))
    lane.put("u", order(START_MS, "1"))
    lane.put("u", link("u", START_MS + 2 * HOUR))
    assert lane.put("u", added(START_MS + 30 * MINUTE)) == []
    assert lane.tick(START_MS + 2 * HOUR) == [Turn("u", "s", True, START_MS + HOUR, "timer")]


def test_a_merge_that_comes_late_tells_nothing_before_the_targets_time():
    lane = Lane(CART)
    lane.put("u", page(START_MS + DAY))
    live(lane, "anon", added(START_MS), link("u", START_MS + 1))
    assert lane.turns[-1] == Turn("u", "cart", True, START_MS + DAY, "merge")


def test_timers_of_the_merged_state_go_on_at_the_target():
    lane = Lane(definitions("name: left, enter: since(cart.last_activity) >= 1 * HOUR"))
    live(lane, "anon", added(START_MS), link("u", START_MS + MINUTE))
    assert lane.tick(START_MS + 2 * HOUR) == [Turn("u", "left", True, START_MS + HOUR, "timer")]


def test_the_target_counts_in_the_population_and_the_alias_no_longer():
    lane = Lane(definitions("name: rich, enter: percentile(orders.revenue) >= 0.9"))
    live(lane, "anon", order(START_MS, "1", 10), link("u", START_MS + 1))
    lane.tick(START_MS + DAY - 1)
    lane.tick(START_MS + DAY)
    histogram = lane.effects[-1].population[0].counts["orders.revenue"]
    assert sum(histogram.values()) == 1


def test_products_looked_at_before_logging_in_count_for_the_customer():
    lane = Lane(definitions("name: keen, enter: browse.products >= 3"))
    lane.put("u", product(START_MS, "a"))
    live(lane, "anon", product(START_MS + 1, "b"), product(START_MS + 2, "c"))
    live(lane, "anon", link("u", START_MS + 3))
    assert lane.turns == [Turn("u", "keen", True, START_MS + 3, "merge")]
