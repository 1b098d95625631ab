"""The language of conditions once more, plainly: over a list of what a customer did.

It knows Python's syntax tree, Kleene's three-valued logic and the meaning of each function as the
README tells it. Nothing is kept, quantised ahead or inverted: every question is answered by going
through all events. It shares no code with the parser, the compiler or the row.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
UNITS = {"SECOND": SECOND, "MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY, "WEEK": 7 * DAY}
STEPS = (
    *(n * SECOND for n in (1, 2, 5, 10, 15, 30)), *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)), *(n * DAY for n in (1, 2, 7, 14, 28, 56, 91, 365)),
)  # fmt: skip
"""How fine a window is: the first one of which 63 are as long as it."""
ITEM_PROPERTIES = {"category", "price", "quantity", "product"}
TIMES = {"hour", "weekday", "day", "month"}
COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
COMPUTE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub,
    ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


class Happened(NamedTuple):
    """An event: its name in conditions, when, what it says itself, and of each of its items."""

    name: str
    time_ms: int
    said: dict[str, Any]
    items: tuple[dict[str, Any], ...] = ()


def resolution(within_ms: float) -> int:
    return next(step for step in STEPS if within_ms <= 63 * step)


def all_of(found: Iterable[bool | None]) -> bool | None:
    known = list(found)
    return False if False in known else None if None in known else True


def any_of(found: Iterable[bool | None]) -> bool | None:
    known = list(found)
    return True if True in known else None if None in known else False


def opposite(found: bool | None) -> bool | None:
    return None if found is None else not found


@cache
def read(text: str) -> ast.expr:
    return ast.parse(f"({text}\n)", mode="eval").body


class Interpreter:
    """Truth of conditions for a customer at an instant; `marks` gathers when it may turn.

    It knows what has happened by `known_ms`, which is now unless it looks back; `asks_for_gone`
    says whether what it then looked for is out of its window by `known_ms`.
    """

    def __init__(
        self,
        events: list[Happened],
        now_ms: int,
        settings: dict[str, float],
        zone: ZoneInfo,
        members: Callable[[str], bool],
        threshold_micros: int,
        *,
        known_ms: int | None = None,
    ) -> None:
        self.known_ms = now_ms if known_ms is None else known_ms
        self.events = [event for event in events if event.time_ms <= self.known_ms]
        self.events.sort(key=lambda event: event.time_ms)
        self.now_ms, self.settings, self.zone = now_ms, settings, zone
        self.members, self.threshold_micros = members, threshold_micros
        self.marks: set[int] = set()
        self.asks_for_gone = False

    # -- logic -------------------------------------------------------------------------------

    def of(self, text: str) -> bool | None:
        return self.truth(read(text))

    def truth(self, node: ast.expr) -> bool | None:  # noqa: PLR0911 one for each kind of node
        match node:
            case ast.BoolOp(op=op, values=values):
                return (all_of if isinstance(op, ast.And) else any_of)(map(self.truth, values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return opposite(self.truth(operand))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.compare(left, op, right)
            case ast.Call(func=ast.Name(id="in_segment"), args=[ast.Constant(value=name)]):
                return self.members(name)
            case ast.Call(func=ast.Name(id="trait"), args=[ast.Constant(value=name)]):
                value = self.trait(name)
                return value if isinstance(value, bool) else {"yes": True, "no": False}.get(value)
            case ast.Call(func=ast.Name(id="bought")):
                return bool(self.orders_of(node))
            case ast.Call(func=ast.Name(id="habit")):
                return self.habit(node)
            case ast.Call(func=ast.Name(id="sequence")):
                return self.sequence(node) is not None
        raise AssertionError(ast.unparse(node))

    def compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> bool | None:
        if isinstance(left, ast.Call) and left.func.id == "percentile":  # type: ignore[attr-defined]
            total = sum(round(e.said["revenue"] * 1e6) for e in self.named("order_completed"))
            above = total > self.threshold_micros
            return above if isinstance(op, ast.GtE) else not above
        for one, other in ((left, right), (right, left)):
            if isinstance(one, ast.Call) and one.func.id in ("since", "until"):  # type: ignore[attr-defined]
                self.mark_flip(one, other)
        value, wanted = self.value(left), self.value(right)
        if isinstance(left, ast.Call) and left.func.id == "trait" and type(value) is not bool:  # type: ignore[attr-defined]
            numbers = isinstance(value, int | float), isinstance(wanted, int | float)
            value = value if numbers[0] == numbers[1] else None
        if value is None or wanted is None:
            return None
        return COMPARE[type(op)](value, wanted)

    def mark_flip(self, call: ast.Call, other: ast.expr) -> None:
        at_ms, duration = self.value(call.args[0]), self.value(other)
        if at_ms is not None and duration is not None:
            sign = 1 if call.func.id == "since" else -1  # type: ignore[attr-defined]
            self.marks.add(int(at_ms + sign * duration))

    # -- values ------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Any:  # noqa: PLR0911 one for each kind of node
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return UNITS.get(name, self.settings.get(name))
            case ast.UnaryOp(operand=operand):
                inner = self.value(operand)
                return None if inner is None else -inner
            case ast.BinOp(left=left, op=op, right=right):
                one, other = self.value(left), self.value(right)
                if one is None or other is None or (isinstance(op, ast.Div) and other == 0):
                    return None
                return COMPUTE[type(op)](one, other)
            case ast.Attribute():
                return self.feature(ast.unparse(node))
            case ast.Call(func=ast.Name(id=name)):
                return self.call(name, node)
        raise AssertionError(ast.unparse(node))

    def feature(self, name: str) -> Any:
        orders = self.named("order_completed")
        if name == "orders.count":
            return len(orders)
        if name == "orders.last":
            return max((event.time_ms for event in orders), default=None)
        assert name == "seen.first"
        return self.events[0].time_ms if self.events else None

    def call(self, name: str, node: ast.Call) -> Any:
        named = {each.arg: each.value for each in node.keywords}
        first = node.args[0]
        match name:
            case "since" | "until":
                at_ms = self.value(first)
                since = None if at_ms is None else self.now_ms - at_ms
                return since if since is None or name == "since" else -since
            case "trait":
                return self.trait(first.value)  # type: ignore[attr-defined]
            case "sequence":
                return self.sequence(node)
            case "ratio_to_past":
                assert isinstance(first, ast.Call)
                within = next(each for each in first.keywords if each.arg == "within")
                past = ast.Call(
                    first.func, first.args, [*first.keywords, ast.keyword("before", within.value)]
                )
                now, then = self.value(first), self.value(past)
                return None if not then else now / then
        return self.measure(name, first, named)

    def measure(self, name: str, first: ast.expr, named: dict[str | None, ast.expr]) -> Any:
        of = first.value if isinstance(first, ast.Attribute) else first
        asked = first.attr if isinstance(first, ast.Attribute) else None
        found = self.values(of, asked, named.get("where"))
        within_ms = self.value(named["within"]) if "within" in named else 0
        before_ms = self.value(named["before"]) if "before" in named else 0
        if within_ms:
            found = [each for each in found if self.is_within(each[0], within_ms, before_ms)]
        flat = [value for _, values in found for value in values]
        match name:
            case "count":
                return len(found)
            case "sum":
                return sum(round(value * 1e6) for value in flat) / 1e6
            case "avg":
                return sum(round(v * 1e6) for v in flat) / len(flat) / 1e6 if flat else None
            case "distinct":
                return len(set(flat))
        at = 0 if name == "first" else -1
        if not found:
            return None
        return found[at][0] if asked is None else found[at][1][-1]

    def is_within(self, time_ms: int, within_ms: float, before_ms: float) -> bool:
        """It counts from `before` after its bucket's end, at once where that is 0, for `within`."""
        step = resolution(within_ms)
        end_ms = (time_ms // step + 1) * step
        self.marks |= {int(end_ms + before_ms), int(end_ms + before_ms + within_ms)}
        begun = not before_ms or end_ms + before_ms <= self.now_ms
        counts = begun and self.now_ms < end_ms + before_ms + within_ms
        self.asks_for_gone |= counts and end_ms + before_ms + within_ms <= self.known_ms
        return counts

    def values(
        self, of: ast.expr, asked: str | None, where: ast.expr | None
    ) -> list[tuple[int, list[Any]]]:
        """Of each event that counts, when it was, and the values that it has."""
        words = {n.id for n in ast.walk(where) if isinstance(n, ast.Name)} if where else set()
        by_item = bool(ITEM_PROPERTIES & (words | {asked}))
        found = []
        for event in self.named(of.value if isinstance(of, ast.Constant) else of.id):  # type: ignore[attr-defined]
            holders = event.items if by_item else ({},)
            passing = [one for one in holders if where is None or self.holds(where, event, one)]
            values = [self.property(asked, event, one) for one in passing] if asked else []
            known = [value for value in values if value is not None]
            if passing and (asked is None or known):
                found.append((event.time_ms, known))
        return found

    def named(self, name: str) -> list[Happened]:
        return [event for event in self.events if event.name == name]

    # -- filters -----------------------------------------------------------------------------

    def holds(self, node: ast.expr, event: Happened, item: dict[str, Any]) -> bool | None:
        match node:
            case ast.BoolOp(op=op, values=values):
                truths = [self.holds(value, event, item) for value in values]
                return all_of(truths) if isinstance(op, ast.And) else any_of(truths)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return opposite(self.holds(operand, event, item))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                one = self.term(left, event, item)
                if isinstance(right, ast.Tuple):
                    among = None if one is None else one in ast.literal_eval(right)
                    return opposite(among) if isinstance(op, ast.NotIn) else among
                other = self.term(right, event, item)
                if one is None or other is None:
                    return None
                if isinstance(op, ast.In):
                    return one in other
                return COMPARE[type(op)](one, other)
        raise AssertionError(ast.unparse(node))

    def term(self, node: ast.expr, event: Happened, item: dict[str, Any]) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name) if name in self.settings:
                return self.settings[name]
            case ast.Name(id=name):
                return self.property(name, event, item)
        raise AssertionError(ast.unparse(node))

    def property(self, name: str, event: Happened, item: dict[str, Any]) -> Any:
        if name in TIMES:
            local = datetime.fromtimestamp(event.time_ms / 1000, UTC).astimezone(self.zone)
            return local.isoweekday() if name == "weekday" else getattr(local, name)
        if name == "lines":
            return len(event.items)
        return item.get(name) if name in ITEM_PROPERTIES else event.said.get(name)

    # -- what is written shorter -------------------------------------------------------------

    def trait(self, name: str) -> Any:
        said = [e.said[name] for e in self.named("identified") if name in e.said]
        return said[-1] if said else None

    def orders_of(self, node: ast.Call) -> list[Happened]:
        named = {each.arg: each.value for each in node.keywords}
        within_ms = self.value(named["within"]) if "within" in named else None
        if within_ms is None and node.func.id == "habit":  # type: ignore[attr-defined]
            within_ms = 365 * DAY
        thing = node.args[0].value if node.args else None  # type: ignore[attr-defined]
        return [
            event for event in self.named("order_completed")
            if within_ms is None or self.is_within(event.time_ms, within_ms, 0)
            if thing is None
            or any(thing in (i.get("product"), i.get("category")) for i in event.items)
        ]  # fmt: skip

    def habit(self, node: ast.Call) -> bool:
        orders = self.orders_of(node)
        named = {e.arg: ast.literal_eval(e.value) for e in node.keywords if e.arg != "within"}
        hours, days = named.get("hours", (0, 24)), named.get("weekday", (1, 7))
        then = [
            event for event in orders
            if hours[0] <= self.property("hour", event, {}) < hours[1]
            and days[0] <= self.property("weekday", event, {}) <= days[1]
        ]  # fmt: skip
        enough = named.get("at_least", 3)
        return len(then) >= enough and len(then) >= named.get("share", 0.5) * len(orders)

    def sequence(self, node: ast.Call) -> int | None:
        """When the latest pair was complete, or when the latest wait ended that was in vain."""
        named = {each.arg: each.value for each in node.keywords}
        second, within_ms = named["then"], self.value(named["within"])
        is_negated = isinstance(second, ast.UnaryOp)
        if isinstance(second, ast.UnaryOp):
            second = second.operand
        ones, others = self.step(node.args[0]), self.step(second)
        apart_ms = 1 if self.name_of(node.args[0]) == self.name_of(second) else 0
        if not is_negated:
            pairs = [b for b in others if any(apart_ms <= b - a <= within_ms for a in ones)]
            return max(pairs, default=None)
        if not ones or any(b >= max(ones) + apart_ms for b in others):
            return None
        ends_ms = int(max(ones) + within_ms)
        self.marks.add(ends_ms)
        return ends_ms if ends_ms <= self.now_ms else None

    def step(self, node: ast.expr) -> list[int]:
        where = node.keywords[0].value if isinstance(node, ast.Call) else None
        of = node.func if isinstance(node, ast.Call) else node
        return [time_ms for time_ms, _ in self.values(of, None, where)]

    def name_of(self, node: ast.expr) -> str:
        of = node.func if isinstance(node, ast.Call) else node
        return of.value if isinstance(of, ast.Constant) else of.id  # type: ignore[attr-defined,no-any-return]
