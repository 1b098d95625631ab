from __future__ import annotations

from stream.clock import HOUR_MS, NEVER_MS
from stream.segments.pack import load_pack
from stream.state.fold import CART, TIME, VISITS
from stream.state.row import Row
from stream.state.row_parts import Cart, Sessions
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

    def turned(about, number, old, found, verdict):
        order.append((number, verdict))
        row.segments[pack.units[number].clauses[0].segment] = START_MS

    pack.decide_everything(row, START_MS, {}, [0, 0, 0], {}, turned, None)
    assert order == [(0, 1), (1, 1), (2, 1)]


def test_what_no_unit_reads_is_not_decided():
    pack = load_pack(CASCADE.split(b"  - {name: deep,")[0])
    assert pack.decide_touched(0) is None
    assert pack.decide_touched(4) is pack.decide_touched(4) is not None


def test_of_a_unit_only_leaves_that_read_the_parts_are_evaluated_until_one_of_them_turns():
    pack = load_pack(
        b"segments:\n  - {name: s, purpose: p, enter: cart.items > 0 and sessions.count > 0}"
    )
    told = []

    def turned(about, number, old, found, verdict):
        told.append((old, found, verdict))

    neither, filled, both = 0b0101, 0b0111, 0b1111
    row, bits = Row(sessions=Sessions(count=1)), [neither]
    decide = pack.decide_touched(CART)
    decide(row, START_MS, {}, bits, {}, turned, None)
    assert (bits, told) == ([neither], []), "visits are of another part: no event has changed it"
    row.sessions, row.cart, row.segments = None, Cart(items=1), {"s": START_MS}
    decide(row, START_MS, {}, bits, {}, turned, None)
    assert (bits, told) == ([filled], [(neither, filled, -1)])
    row.sessions, row.segments = Sessions(count=1), {}
    pack.decide_touched(VISITS)(row, START_MS, {}, bits, {}, turned, None)
    assert (bits, told[1:]) == ([both], [(filled, both, 1)])


def test_time_is_a_part_of_its_own_that_timed_leaves_read():
    pack = load_pack(
        b"segments:\n  - {name: s, purpose: p, enter: since(cart.last_activity) > 1 * HOUR}\n"
        b"  - {name: t, purpose: p, enter: cart.items > 1}"
    )
    assert pack.touched(TIME) == (0,)
    row, bits = Row(cart=Cart(items=2, last_ms=START_MS)), [0, 1]
    due_ms = START_MS + HOUR_MS + 1

    def turned(*told):
        pass

    assert pack.decide_touched(TIME)(row, START_MS, {}, bits, {}, turned, None) == due_ms
    assert pack.decide_touched(TIME)(row, due_ms, {}, bits, {}, turned, None) == NEVER_MS
    assert bits == [3, 1]


def test_what_began_to_be_kept_late_is_asked_of_customers_from_before_alone():
    names = set()

    class Asked(dict[str, int]):
        def get(self, name, default=None):
            names.add(name)
            return super().get(name, default)

    pack = load_pack(b"segments:\n  - {name: s, purpose: p, enter: count(order_refunded) <= 0}")
    key = "~" + next(iter(pack.measures))
    thresholds = Asked({key: START_MS, "~": START_MS})
    for first_ms, truth, asked in ((START_MS, 3, {"~"}), (START_MS - 1, 0, {"~", key})):
        names.clear()
        bits = [0]
        row = Row(first_ms=first_ms)
        pack.decide_everything(row, START_MS, thresholds, bits, {}, lambda *_: None, None)
        assert (bits, names) == ([truth], asked)
