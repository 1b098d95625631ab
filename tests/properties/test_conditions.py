"""Compiled conditions against a plain interpreter of the same text.

The interpreter below knows Python's syntax tree, Kleene's three-valued logic, and the features of
a row in words of its own; it shares no code with the compiler.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.clock import NEVER_MS
from stream.segments.compiler import Rule, compile_unit, is_known_out
from stream.segments.conditions import parse
from stream.segments.decision import compile_decision
from stream.state.row import Row
from stream.state.row_parts import Cart, Checkout, Messages, Orders, Sessions
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS

UNITS = {"SECOND": 1000, "MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY, "WEEK": 7 * DAY, "few": 3}
COMPARE = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
COMPUTE = {
    ast.Add: operator.add, ast.Sub: operator.sub,
    ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


FEATURES: dict[str, Callable[[Row], Any]] = {
    "orders.count": lambda row: row.orders.count if row.orders else 0,
    "orders.revenue": lambda row: row.orders.revenue_micros / 1e6 if row.orders else 0,
    "orders.last": lambda row: row.orders.last_ms or None if row.orders else None,
    "orders.discount_share": lambda row: (
        row.orders.discounted / row.orders.count
        if row.orders and row.orders.count and row.orders.discounted + row.orders.full_price
        else None
    ),
    "cart.items": lambda row: row.cart.items if row.cart else 0,
    "cart.last_activity": lambda row: row.cart.last_ms if row.cart else None,
    "checkout.open": lambda row: row.checkout is not None,
    "seen.first": lambda row: row.first_ms or None,
    "sessions.count": lambda row: row.sessions.count if row.sessions else 0,
    "messages.last_opened": lambda row: (
        (row.messages.last_opened_ms or None) if row.messages else None
    ),
}
"""What the customer's row says; None is unknown."""


def feature(row: Row, name: str) -> Any:
    return FEATURES[name](row)


class Interpreter:
    """Truth of a condition's text for a row at an instant: True, False or None for unknown."""

    def __init__(self, row: Row, now_ms: int, thresholds: dict[str, int]) -> None:
        self.row, self.now_ms, self.thresholds = row, now_ms, thresholds

    def truth(self, node: ast.expr) -> bool | None:
        match node:
            case ast.BoolOp(op=op, values=values):
                found = [self.truth(value) for value in values]
                decisive = not isinstance(op, ast.And)
                if decisive in found:
                    return decisive
                return None if None in found else not decisive
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.truth(operand)
                return None if inner is None else not inner
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.compare(left, op, right)
            case ast.Call(args=[ast.Constant(value=name)]):
                return name in self.row.segments
        return self.value(node)

    def compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> bool | None:
        if isinstance(left, ast.Call) and left.func.id == "percentile":
            name, rank = ast.unparse(left.args[0]), ast.literal_eval(right)
            threshold = self.thresholds.get(f"{name}:{rank:g}")
            if threshold is None:
                return None
            above = feature(self.row, name) * 1e6 > threshold
            return above if isinstance(op, ast.GtE) else not above
        one, other = self.value(left), self.value(right)
        return None if one is None or other is None else COMPARE[type(op)](one, other)

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant() | ast.Name():
                return UNITS[node.id] if isinstance(node, ast.Name) else node.value
            case ast.UnaryOp(operand=operand):
                inner = self.value(operand)
                return None if inner is None else -inner
            case ast.BinOp(left=left, op=op, right=right):
                one, other = self.value(left), self.value(right)
                if one is None or other is None or (isinstance(op, ast.Div) and other == 0):
                    return None
                return COMPUTE[type(op)](one, other)
            case ast.Call(args=[argument]):
                at_ms = feature(self.row, ast.unparse(argument))
                return None if at_ms is None else self.now_ms - at_ms
        return feature(self.row, ast.unparse(node))


# -- random conditions ---------------------------------------------------------------------------

counts = st.sampled_from(["orders.count", "cart.items", "sessions.count", "orders.revenue"])
nullable = st.sampled_from(["orders.discount_share"])
instants = st.sampled_from(
    ["orders.last", "cart.last_activity", "seen.first", "messages.last_opened"]
)
comparisons = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
numbers = st.one_of(
    st.integers(-2, 6).map(str), st.sampled_from(["0.5", "2.25", "few"]), counts, nullable
)
arithmetic = st.recursive(
    numbers,
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(
        lambda found: "(" + " ".join(found) + ")"
    ),
    max_leaves=3,
)
durations = st.one_of(
    st.tuples(st.integers(-1, 40), st.sampled_from(["MINUTE", "HOUR", "DAY"])).map(
        lambda found: f"{found[0]} * {found[1]}"
    ),
    st.tuples(counts, st.sampled_from(["0.37 * HOUR", "DAY / 7"])).map(" * ".join),
)
timed = st.tuples(instants, st.sampled_from(["<", "<=", ">", ">="]), durations, st.booleans()).map(
    lambda found: (
        f"{found[2]} {found[1]} since({found[0]})"
        if found[3]
        else f"since({found[0]}) {found[1]} {found[2]}"
    )
)
leaves = st.one_of(
    st.tuples(arithmetic, comparisons, arithmetic).map(" ".join),
    timed,
    timed,
    st.just("checkout.open"),
    st.sampled_from(["in_segment('loyal')", "in_segment('other')"]),
    st.sampled_from(["percentile(orders.revenue) >= 0.9", "percentile(orders.revenue) < 0.5"]),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda found: "(" + " ".join(found) + ")"
        ),
        inner.map(lambda text: f"(not {text})"),
    ),
    max_leaves=6,
)


def readable(text: str) -> bool:
    """Without a constant division by zero, which is refused."""
    try:
        parse(text, {"few": 3})
    except ValueError:
        return False
    return True


def within(days: int) -> st.SearchStrategy[int]:
    return st.integers(0, days * DAY).map(lambda ago_ms: START_MS - ago_ms)


rows = st.builds(
    Row,
    first_ms=st.one_of(st.just(0), within(40)),
    segments=st.sampled_from([{}, {"loyal": 1}, {"other": 1, "loyal": 2}]),
    orders=st.one_of(
        st.none(),
        st.builds(
            Orders,
            count=st.integers(0, 5),
            discounted=st.integers(0, 3),
            revenue_micros=st.integers(0, 9_000_000),
            last_ms=st.one_of(st.just(0), within(40)),
        ),
    ),
    cart=st.one_of(st.none(), st.builds(Cart, items=st.integers(0, 5), last_ms=within(3))),
    checkout=st.one_of(st.none(), st.just(Checkout(1, 1))),
    sessions=st.one_of(st.none(), st.builds(Sessions, count=st.integers(0, 5))),
    messages=st.one_of(
        st.none(), st.builds(Messages, last_opened_ms=st.one_of(st.just(0), within(40)))
    ),
)
thresholds = st.dictionaries(
    st.sampled_from(["orders.revenue:0.9", "orders.revenue:0.5"]), st.integers(0, 9_000_000)
)


@given(conditions.filter(readable), st.none() | conditions.filter(readable), rows, thresholds)
@settings(derandomize=True, max_examples=250, deadline=None)
def test_the_verdict_bits_and_flip_are_the_interpreters(enter, leave, row, known):
    rule = Rule("it", parse(enter, {"few": 3}), None if leave is None else parse(leave, {"few": 3}))
    unit = compile_unit((rule,), exclusive=False)
    now_ms = START_MS

    def expected(at_ms: int) -> tuple[int, int]:
        plain = Interpreter(row, at_ms, known)
        bits = 0
        for number, text in enumerate(unit.texts):
            truth = plain.truth(ast.parse(text, mode="eval").body)
            bits |= {None: 0, False: 1, True: 3}[truth] << 2 * number
        entering = plain.truth(ast.parse(enter, mode="eval").body)
        leaving = not entering if leave is None else plain.truth(ast.parse(leave, mode="eval").body)
        if leave is None and entering is None:
            leaving = None
        return bits, -1 if leaving else 1 if entering else 0

    bits, flip_ms, verdict = unit.evaluate(row, now_ms, known)
    assert (bits, verdict) == expected(now_ms)
    horizon_ms = now_ms + 400 * DAY
    if flip_ms < horizon_ms:
        assert unit.evaluate(row, flip_ms - 1, known)[0] == bits == expected(flip_ms - 1)[0]
        assert unit.evaluate(row, flip_ms, known)[0] == expected(flip_ms)[0] != bits
    else:
        assert flip_ms == NEVER_MS or flip_ms > now_ms
        assert expected(horizon_ms)[0] == bits


@given(st.lists(conditions.filter(readable), min_size=2, max_size=4), rows, thresholds)
@settings(derandomize=True, max_examples=150, deadline=None)
def test_a_group_is_the_first_condition_that_the_interpreter_finds_true(texts, row, known):
    rules = tuple(Rule(f"s{n}", parse(text, {"few": 3}), None) for n, text in enumerate(texts))
    _, _, verdict = compile_unit(rules, exclusive=True).evaluate(row, START_MS, known)
    plain = Interpreter(row, START_MS, known)
    truths = [plain.truth(ast.parse(text, mode="eval").body) for text in texts]
    if True in truths:
        assert verdict == truths.index(True)
    else:
        assert [is_known_out(verdict, n) for n in range(len(texts))] == [t is False for t in truths]


@given(
    st.lists(conditions.filter(readable), min_size=1, max_size=4),
    rows,
    thresholds,
    st.lists(st.integers(0, 3), min_size=4, max_size=4),
)
@settings(derandomize=True, max_examples=200, deadline=None)
def test_units_decided_together_are_each_what_the_interpreter_finds(texts, row, known, asked):
    units = []
    for number, text in enumerate(texts):
        rule = Rule(f"s{number}", parse(text, {"few": 3}), None)
        units.append(compile_unit((rule,), exclusive=False))
    numbers = sorted({number for number in asked if number < len(units)})
    bits = [0] * len(units)
    told = {}
    members = {number for number in numbers if number % 2}
    row.segments = {f"s{number}": START_MS for number in members}

    def turned(about, number, old, found, verdict):
        assert about == "about"
        told[number] = (old, found, verdict)

    def interpreted(text, at_ms):
        return Interpreter(row, at_ms, known).truth(ast.parse(text, mode="eval").body)

    decide = compile_decision(units, numbers)
    flips = {}
    flip_ms = decide(row, START_MS, known, bits, flips, turned, "about")
    for number, text in enumerate(texts):
        expected = 0
        if number in numbers:
            for leaf, leaf_text in enumerate(units[number].texts):
                expected |= {None: 0, False: 1, True: 3}[
                    interpreted(leaf_text, START_MS)
                ] << 2 * leaf
        assert bits[number] == expected
        verdict = {None: 0, False: -1, True: 1}[interpreted(text, START_MS)]
        turns = expected and verdict == (-1 if number in members else 1)
        assert told.get(number) == ((0, expected, verdict) if turns else None)
    assert flip_ms == min(flips.values(), default=NEVER_MS)
    for number in numbers:
        leaves = units[number].texts
        turns_ms = flips.get(number, NEVER_MS)
        if turns_ms < START_MS + 400 * DAY:
            before = [interpreted(leaf, turns_ms - 1) for leaf in leaves]
            assert before == [interpreted(leaf, START_MS) for leaf in leaves]
            assert before != [interpreted(leaf, turns_ms) for leaf in leaves]
    told.clear()
    decide(row, START_MS, known, bits, flips, turned, "about")
    assert told == {}, "what has not changed is not told"
