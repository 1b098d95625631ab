from __future__ import annotations

from stream.clock import NEVER_MS
from stream.segments.pack import load_pack
from stream.state.row import Cart, Row
from tests.state.shopping import START_MS

CASCADE = b"""
segments:
  - {name: filled, purpose: p, enter: cart.items > 0}
  - {name: deep, purpose: p, enter: in_segment('filled')}
  - {name: deeper, purpose: p, enter: in_segment('deep')}
"""


def test_a_later_unit_sees_what_an_earlier_one_has_turned_in_the_same_pass():
    pack = load_pack(CASCADE)
    row = Row(cart=Cart(items=1))
    order = []

    def turned(about, number, old, found, flip_ms, verdict):
        order.append((number, verdict, flip_ms))
        row.segments[pack.units[number].clauses[0].segment] = START_MS

    pack.decide_everything(row, START_MS, {}, [0, 0, 0], turned, None)
    assert order == [(0, 1, NEVER_MS), (1, 1, NEVER_MS), (2, 1, NEVER_MS)]


def test_what_no_unit_reads_is_not_decided():
    pack = load_pack(CASCADE.split(b"  - {name: deep,")[0])
    assert pack.decide_touched(0) is None
    assert pack.decide_touched(4) is pack.decide_touched(4) is not None
