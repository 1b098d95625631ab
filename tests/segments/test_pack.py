from __future__ import annotations

from importlib.resources import files

import pytest

from stream.events.records import CartAdded, CartRemoved, CartViewed, ListViewed, PageViewed
from stream.segments.pack import MEASURES_MAX, PACKS_MAX, load_pack
from stream.segments.source import DefinitionError
from stream.state.fold import ACTIVITY, CART, EVERYTHING, MESSAGES, ORDERS, SESSIONS

BUILT_IN = files("stream.segments").joinpath("pack.yaml").read_bytes()


def failure(text: str) -> str:
    with pytest.raises(DefinitionError) as caught:
        load_pack(text.encode(), "shop.yaml")
    return str(caught.value)


def one(*lines: str) -> str:
    """A file with one segment of these further lines; `name` is on its line 2."""
    return "\n".join(["segments:", "  - name: it", "    purpose: p", *(f"    {x}" for x in lines)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            one("enter: cart.items > 0 and cart.item > 2"),
            ("shop.yaml:4: segments.0.enter: column 20: 'cart.item' is no feature, unit or "
            "setting; did you mean cart.items?"),
        ),
        (
            one("enter: cart.items > 0", "exit: cart.items"),
            "shop.yaml:5: segments.0.exit: column 1: 'cart.items' is a number; compare it",
        ),
        (
            one("entr: cart.items > 0"),
            ("shop.yaml:4: segments.0.entr: Object contains unknown field `entr`; "
            "did you mean enter?"),
        ),
        (
            one("enter: cart.items > 0", "action:", "  chanels: [email]"),
            ("shop.yaml:6: segments.0.action.chanels: Object contains unknown field `chanels`; "
            "did you mean channels?"),
        ),
        (
            one("enter: cart.items > 0", "action:", "  channels: [email, 7]"),
            "shop.yaml:6: segments.0.action.channels.1: Expected `str`, got `int`",
        ),
        (one(), "shop.yaml:2: segments.0: Object missing required field `enter`"),
        (
            one("enter: cart.items > 0", "priority: high"),
            "shop.yaml:5: segments.0.priority: Expected `int`, got `str`",
        ),
        (
            one("enter: cart.items > 0", "success: {event: Order, within: soon}"),
            "shop.yaml:5: segments.0.success.within: column 1: 'soon' is no feature",
        ),
        (
            one("enter: cart.items > 0", "success: {event: Order, within: cart.items}"),
            "shop.yaml:5: segments.0.success.within: column 1: 'cart.items' is no number",
        ),
        (
            one("enter: cart.items > 0", "enter: cart.items > 1"),
            "shop.yaml:5: segments.0.enter: is written twice; keep one",
        ),
        (
            one("enter: in_segment('later')"),
            "shop.yaml:4: segments.0.enter: in_segment('later') names no segment; define it, or",
        ),
        (
            one("enter: cart.items > 0", "group: g", "exit: cart.items <= 0"),
            "shop.yaml:6: segments.0.exit: an exclusive group's segment has no exit",
        ),
        (
            "segments:\n  - {name: 'two words', purpose: p, enter: cart.items > 0}",
            "shop.yaml:2: segments.0.name: Expected `str` matching regex",
        ),
        (
            "segments:\n  - {name: 'cluster:c1', purpose: p, enter: cart.items > 0}",
            "shop.yaml:2: segments.0.name: Expected `str` matching regex",
        ),
        ("segments: [\n", "shop.yaml:2: "),
        ("- name: [", "shop.yaml:1: "),
        ("", "shop.yaml:1: file: Expected `object`, got `null`"),
        ("7", "shop.yaml:1: file: Expected `object`, got `int`"),
        ("a: &a\n  b: *a\n", "shop.yaml:1: is nested too deep; make it flat"),
        (
            "settings: {patience: 1 * HOURS}\nsegments: []",
            ("shop.yaml:1: settings.patience: column 5: 'HOURS' is no feature, unit or setting; "
            "did you mean HOUR?"),
        ),
        (
            "settings:\n  much: .inf\nsegments: []",
            "shop.yaml:2: settings.much: inf is too large for a setting",
        ),
        (
            "settings:\n  much: .nan\nsegments: []",
            "shop.yaml:2: settings.much: nan is too large for a setting",
        ),
        (
            "settings:\n  much: 1 and 0 < 2\nsegments: []",
            "shop.yaml:2: settings.much: ",
        ),
        (
            "settings:\n  much: cart.items\nsegments: []",
            "shop.yaml:2: settings.much: column 1: 'cart.items' is no number or duration",
        ),
    ],
)  # fmt: skip
def test_an_error_names_file_line_and_field(text: str, expected: str):
    assert failure(text).startswith(expected)


def test_two_segments_of_one_name_are_refused():
    text = one("enter: cart.items > 0") + "\n  - {name: it, purpose: p, enter: cart.items > 1}"
    assert failure(text).startswith("shop.yaml:5: segments.1.name: segment 'it' is defined twice; ")


def test_segments_are_decided_after_what_they_ask_for_wherever_it_stands():
    pack = load_pack(
        b"- {name: a, purpose: p, group: g, enter: orders.count >= 9}\n"
        b"- {name: b, purpose: p, group: g, enter: in_segment('vip')}\n"
        b"- {name: c, purpose: p, enter: in_segment('b')}\n"
        b"- {name: vip, purpose: p, enter: orders.count >= 3}\n"
    )
    decided = [tuple(clause.segment for clause in unit.clauses) for unit in pack.units]
    assert decided == [("vip",), ("a", "b"), ("c",)]
    assert list(pack.definitions) == ["a", "b", "c", "vip"]


def test_segments_that_ask_for_each_other_are_refused_by_name():
    text = (
        "- {name: a, purpose: p, enter: orders.count >= 9}\n"
        "- {name: b, purpose: p, enter: in_segment('c')}\n"
        "- {name: c, purpose: p, group: g, enter: in_segment('d')}\n"
        "- {name: d, purpose: p, exit: in_segment('b'), enter: orders.count > 1}\n"
    )
    assert failure(text).startswith("shop.yaml:2: segments.1: asks for itself: b -> c -> d -> b; ")


def test_measures_have_room_in_a_row():
    of = ("product_viewed", "product_added", "product_clicked", "order_completed")
    asked = [
        f"distinct({event}.{name}, within={days} * DAY) > 3"
        for event in of
        for name in ("product", "brand")
        for days in (7, 30)
    ]
    text = "".join(
        f"- {{name: s{n}, purpose: p, enter: '{enter}'}}\n" for n, enter in enumerate(asked)
    )
    assert "could need 268 KiB of a row that has 256" in failure(text)
    assert len(load_pack(text.rpartition("- ")[0].encode()).measures) == 15


def test_more_comparisons_than_a_row_has_room_for_are_refused():
    group = "\n".join(
        f"- {{name: s{n}, purpose: p, group: g, enter: cart.items > {n} and orders.count > {n}}}"
        for n in range(17)
    )
    assert failure(group).startswith("shop.yaml:1: segments.0: 34 different comparisons")


def test_a_plain_list_of_segments_is_a_file():
    pack = load_pack(b"- {name: it, purpose: p, enter: cart.items > 0}")
    assert list(pack.definitions) == ["it"]
    assert failure("- {name: it, purpose: p, enter: cart.itms > 0}").startswith(
        "shop.yaml:1: segments.0.enter: column 1"
    )


def test_a_date_is_read_as_it_is_written():
    pack = load_pack(one("enter: cart.items > 0", "review_by: 2027-06-30").encode())
    assert pack.definitions["it"].review_by == "2027-06-30"


def test_settings_are_arithmetic_and_may_build_on_those_above():
    text = (
        "settings: {hour: 1 * HOUR, day: 24 * hour, half: 0.5}\n"
        "segments:\n  - {name: it, purpose: p, enter: since(seen.last) >= half * day}"
    )
    unit = load_pack(text.encode()).units[0]
    assert "43200000" in unit.source or "0.5 * 86400000" in unit.source


def test_an_edit_renames_the_edited_definition_alone():
    text = "- {{name: a, purpose: p, enter: cart.items > {}}}\n- {{name: b, purpose: p, enter: {}}}"
    before = load_pack(text.format(1, "orders.count > 1").encode())
    after = load_pack(text.format(2, "orders.count > 1").encode())
    assert before.versions["a"] != after.versions["a"]
    assert before.versions["b"] == after.versions["b"]
    assert before.name != after.name


def test_a_changed_setting_is_a_new_version():
    text = "settings: {{n: {}}}\nsegments: [{{name: a, purpose: p, enter: cart.items > n}}]"
    assert (
        load_pack(text.format(1).encode()).versions["a"]
        != load_pack(text.format(2).encode()).versions["a"]
    )


def test_only_units_that_read_a_changed_part_are_touched():
    pack = load_pack(
        b"- {name: a, purpose: p, enter: cart.items > 0}\n"
        b"- {name: b, purpose: p, enter: orders.count > 0}\n"
        b"- {name: c, purpose: p, enter: in_segment('a')}\n"
    )
    assert pack.touched(CART) == (0, 2)
    assert pack.touched(ORDERS) == (1,)
    assert pack.touched(MESSAGES) == ()


def test_what_depends_on_a_percentile_through_another_segment_moves_with_it():
    pack = load_pack(
        b"- {name: cart, purpose: p, enter: cart.items > 0}\n"
        b"- {name: rich, purpose: p, enter: percentile(orders.revenue) >= 0.9}\n"
        b"- {name: vip, purpose: p, enter: in_segment('rich') and orders.count > 2}\n"
        b"- {name: vip_cart, purpose: p, enter: in_segment('vip') and cart.items > 0}\n"
        b"- {name: other, purpose: p, enter: in_segment('cart')}\n"
    )
    assert pack.by_population == (1, 2, 3)
    assert pack.percentiles == {"orders.revenue": [0.9]}


FAMILIES = {
    "journey": "lapsed at_risk won_back loyal regular new_customer one_time_buyer exploring "
    "new_visitor",
    "first contact": "welcome_due not_activated base",
    "usage": "heavy_user regular_user light_user inactive rising declining former_heavy_user "
    "quota_exhausted",
    "intent": "abandoned_cart abandoned_checkout abandoned_browse high_intent wishlist_waiting",
    "friction": "payment_failed coupon_denied no_results_searcher shipping_shock checkout_stuck "
    "stockout_frustrated traded_down",
    "timing": "miss_you_due refill_due replacement_due morning_shopper evening_shopper "
    "weekend_shopper habit seasonal_shopper sale_period_buyer occasion_due",
    "benefit": "price_sensitive full_price_buyer incentive_responsive quality_seeker "
    "convenience_seeker experience_seeker payment_preference",
    "style": "spontaneous_buyer planned_buyer interest cross_sell acquired_by_offer",
    "value": "high_value upgrade_candidate serial_returner unprofitable",
    "engagement": "advocate promoter detractor loyalty_member occasional_returner "
    "message_responsive message_fatigued unsubscribed",
    "channel": "online_only store_only omnichannel",
}


def test_the_built_in_pack_has_all_families():
    pack = load_pack(BUILT_IN)
    wanted = {name for names in FAMILIES.values() for name in names.split()}
    assert {name.partition(":")[0] for name in pack.definitions} == wanted
    assert pack.percentiles["orders.revenue"] == [0.5, 0.6, 0.7, 0.85, 0.9]
    assert len(pack.measures) <= MEASURES_MAX


def test_every_built_in_segment_has_a_plan_and_is_looked_at_again():
    for name, found in load_pack(BUILT_IN).definitions.items():
        assert found.title, name
        assert found.review_by, name
        assert found.success is not None, name
        assert found.success.within, name
        message, suppression = found.action.message, found.action.kind == "suppress"
        assert bool(message) != suppression, name
        assert not suppression or found.action.purpose, name


def test_pages_lists_and_carts_cost_nothing_more_than_the_segments_that_they_are_about():
    pack = load_pack(BUILT_IN)
    assert not {PageViewed, ListViewed, CartAdded, CartRemoved, CartViewed} & set(pack.collectors)
    of_all = [n for n, unit in enumerate(pack.units) if unit.parts & EVERYTHING == EVERYTHING]
    assert pack.touched(ACTIVITY | SESSIONS) == tuple(of_all) == ()


def test_five_segments_of_the_built_in_pack_act_by_default_and_all_have_a_purpose():
    pack = load_pack(BUILT_IN)
    acting = {name for name, told in pack.told.items() if told.action}
    assert acting == {"new_customer", "loyal", "at_risk", "abandoned_cart", "serial_returner"}
    assert all(d.purpose and d.success and d.action.channels for d in pack.definitions.values())


def test_versions_that_are_long_gone_are_not_kept():
    content = one("enter: cart.items > 0").encode()
    former = load_pack(content)
    assert load_pack(content) is former
    for number in range(PACKS_MAX):
        load_pack(content + b"\n# %d" % number)
    assert load_pack(content) is not former
