"""Value: whom to offer the next step, and who costs more than they bring."""

from __future__ import annotations

import msgspec

from stream.events.records import OrderRefunded
from stream.segments.leaf_code import percentile_key
from tests.segments.stories import Story, at, item, noon, order, orders
from tests.state.shopping import MICROS, START_MS


def test_an_upgrade_is_offered_to_who_buys_much_of_the_plain_one():
    story = Story("upgrade_candidate")
    ranks = {
        percentile_key("orders.revenue", 0.7): 70, percentile_key("orders.revenue", 0.6): 60,
        percentile_key("orders.item_price", 0.5): 30, percentile_key("orders.item_price", 0.6): 35,
    }  # fmt: skip
    content = msgspec.json.encode({key: amount * MICROS for key, amount in ranks.items()})
    story.lane.announce("population", content, START_MS)
    story.put(*orders(map(noon, (1, 2, 3)), item(price=20)))
    assert story.turns == []
    story.put(order(noon(4), item(price=20)))
    assert story.turns == [("+upgrade_candidate", noon(4))]
    story.put(order(noon(5), item(price=120)))  # 40 a piece: the dearer ones already
    assert story.turns[1:] == [("-upgrade_candidate", noon(5))]


def test_who_sends_back_what_earns_most_costs_more_than_they_bring():
    story = Story("unprofitable")
    thing = item(price=20, cost_micros=15 * MICROS)  # earns 5
    story.put(*orders(map(noon, (1, 2, 3)), thing))
    assert story.turns == []  # 15 earned
    story.put(OrderRefunded(**at(noon(4)), order_id=f"o{noon(1)}", items=(thing,)))
    assert story.turns == []  # 10 earned, and 6 for the return
    story.put(OrderRefunded(**at(noon(5)), order_id=f"o{noon(2)}", items=(thing,)))
    assert story.turns == [("+unprofitable", noon(5))]  # 5 earned, and 12 for two returns
    story.put(*orders(map(noon, (6, 7)), thing))
    assert story.turns[1:] == [("-unprofitable", noon(7))]  # 15 at the second: more than 12


def test_without_costs_nobody_is_said_to_be_unprofitable():
    story = Story("unprofitable")
    story.put(*orders(map(noon, (1, 2, 3))))
    story.put(OrderRefunded(**at(noon(4)), order_id=f"o{noon(1)}", items=(item(),)))
    assert story.turns == []
