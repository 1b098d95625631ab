"""Events that nobody has sent, to find out what they would change.

Each function tells of one feature which events raise, lower or set it, with words for them. What
they really do is for the engine to say: an invention that does not do what it is for is never told.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from stream.events import records as r
from stream.events.records import MICROS, CustomerEvent, Item
from stream.segments.measures import Measure
from stream.state.row import Row

EVENTS_MAX = 25
"""Of one kind; to be told that 26 more orders are missing helps nobody, and the count says it."""

SMALLEST = 10_000
"""Micros: what an amount is exceeded by, where it must be exceeded."""


class Invented(msgspec.Struct, frozen=True):
    """Events of one kind, with words for them.

    `what` is what they are more of, where as many of them as one likes can be had; `least` is the
    number that it takes at least, where they are for several comparisons.
    """

    words: str
    events: tuple[CustomerEvent, ...]
    what: str = ""
    least: int = 0

    def only(self, number: int) -> Invented:
        """So many of them."""
        words = f"{number} more {self.what}"
        return Invented(words, self.events[:number], self.what, self.least)


def joined(made: Iterable[Invented]) -> list[Invented]:
    """Those that are more of the same as one: all of them do for certain what each is for."""
    found: dict[str, Invented] = {}
    for each in made:
        name = each.what or each.words
        known = found.get(name)
        if known is None or not each.what:
            found[name] = each
            continue
        events = known.events + each.events
        least = max(known.least, each.least)
        found[name] = Invented("", events, each.what, least).only(len(events))
    return list(found.values())


def counted(number: int, one: str, many: str) -> str:
    """A number of things.

    >>> counted(1, "order", "orders"), counted(3, "visit", "visits")
    ('1 more order', '3 more visits')
    """
    return f"{number} more {one if number == 1 else many}"


class Inventor:
    """Invents events for a row at an instant."""

    def __init__(self, row: Row, now_ms: int) -> None:
        self._row = row
        self._now_ms = now_ms
        self._number = 0

    def _head(self) -> dict[str, Any]:
        self._number += 1
        return {"time_ms": self._now_ms, "message_id": 0, "received_ms": self._now_ms}

    def _item(self, price_micros: int = MICROS) -> Item:
        self._number += 1
        name = f"what-if-{self._number}"
        return Item(product_id=name, sku=name, price_micros=price_micros)

    def raised(self, feature: str, missing: float) -> Invented | None:
        """Events by which a count or an amount grows by what is missing."""
        number = round(missing)
        if feature in ("orders.revenue", "orders.net_revenue"):
            micros = round(missing * MICROS)
            return Invented(f"1 more order of {_amount(micros)}", (self._order(micros),))
        if feature == "cart.value":
            micros = round(missing * MICROS)
            event = r.CartAdded(**self._head(), item=self._item(micros))
            return Invented(f"{_amount(micros)} more in the cart", (event,))
        if not 0 < number <= EVENTS_MAX:
            return None
        known = _COUNTED.get(feature)
        if known is None:
            return None
        kind, said, one, many = known
        events = tuple(self._one(kind, said) for _ in range(number))
        return Invented(counted(number, one, many), events)

    def fresh(self, feature: str) -> Invented | None:
        """An event that sets an instant to now."""
        known = _INSTANTS.get(feature)
        if known is None:
            return None
        kind, said, words = known
        return Invented(words, (self._one(kind, said),))

    def flag(self, feature: str, *, want: bool) -> Invented | None:
        """An event that sets a flag."""
        if feature == "checkout.open":
            if want:
                return Invented("a checkout begun", (self._one(r.CheckoutStepped, {}),))
            return Invented("1 more order", (self._order(),))
        return None

    def trait(self, feature: str, value: Any) -> Invented | None:
        """An identify with a trait."""
        if value is None:
            return None
        name = feature.split(":", 2)[2]
        event = r.Identified(**self._head(), traits={name: value})
        return Invented(f"trait {name!r} is {value!r}", (event,))

    def emptied(self) -> Invented | None:
        """The cart's lines taken out."""
        cart = self._row.cart
        if cart is None or not cart.lines:
            return None
        events = tuple(
            r.CartRemoved(
                **self._head(), item=Item(product_id=sku, sku=sku, quantity=line.quantity)
            )
            for sku, line in cart.lines.items()
        )
        return Invented("the cart emptied", events)

    def measured(self, measure: Measure, missing: float, text: str) -> Invented | None:
        """Events that a measure counts, or one that adds what is missing to its sum."""
        if measure.kind == "steps" or len(measure.steps) != 1:
            return None
        step = measure.steps[0]
        values: dict[str, Any] = {}
        codes = [code for code in (step.test, step.filter) if code]
        number = round(missing)
        call = _call(text)
        if call is None:
            return None
        amount = ""
        if step.value and step.kind == "money" and call.name == "sum":
            micros = round(missing * MICROS)
            codes.append(f"{step.value} == {micros}")
            number, amount = 1, f" of {_amount(micros)}"
        elif call.name != "count":
            return None
        if not 0 < number <= EVENTS_MAX or not all(_satisfy(code, values) for code in codes):
            return None
        events = [self._of(step.records[0], values) for _ in range(number)]
        known = tuple(event for event in events if event is not None)
        what = "" if amount else f"{call.event}{call.where}"
        words = f"{number} more {what or call.event + amount + call.where}"
        return Invented(words, known, what, number) if len(known) == number else None

    def _of(self, record: type, values: Mapping[str, Any]) -> CustomerEvent | None:
        """A record with these properties of the event and of its one item."""
        fields = set(record.__struct_fields__)  # type: ignore[attr-defined]
        of_event = {k[6:]: v for k, v in values.items() if k.startswith("event.")}
        of_item = {k[5:]: v for k, v in values.items() if k.startswith("item.")}
        if not set(of_event) <= fields or not set(of_item) <= set(Item.__struct_fields__):
            return None
        made: dict[str, Any] = {**self._head(), **of_event}
        item = msgspec.structs.replace(self._item(), **of_item)
        if "item" in fields:
            made["item"] = item
        elif "items" in fields:
            made["items"] = (item,)
        elif of_item:
            return None
        if "order_id" in fields:
            made.setdefault("order_id", f"what-if-{self._number}")
        if record is r.OrderCompleted:
            made.setdefault("revenue_micros", item.price_micros)
        event: CustomerEvent = record(**made)
        return event

    # -- one event of each kind --------------------------------------------------------------

    def _order(self, revenue_micros: int = MICROS) -> r.OrderCompleted:
        item = self._item(revenue_micros)
        return r.OrderCompleted(
            **self._head(), order_id=item.sku, revenue_micros=revenue_micros, items=(item,)
        )

    def _one(self, kind: type, said: Mapping[str, Any]) -> CustomerEvent:
        """The plainest record of a kind, with what is said of it."""
        if kind is r.OrderCompleted:
            return self._order()
        made: dict[str, Any] = {**self._head(), **said}
        if "item" in kind.__struct_fields__:  # type: ignore[attr-defined]
            made["item"] = self._item()
        event: CustomerEvent = kind(**made)
        return event


_COUNTED: dict[str, tuple[type, dict[str, Any], str, str]] = {
    "orders.count": (r.OrderCompleted, {}, "order", "orders"),
    "orders.occasions": (r.OrderCompleted, {}, "order", "orders"),
    "orders.items": (r.OrderCompleted, {}, "order of one piece", "orders of one piece"),
    "sessions.count": (r.PageViewed, {}, "visit", "visits"),
    "sessions.pages": (r.PageViewed, {}, "page seen", "pages seen"),
    "session.pages": (r.PageViewed, {}, "page seen in this visit", "pages seen in this visit"),
    "sessions.searches": (r.ProductsSearched, {"results_count": 1}, "search", "searches"),
    "sessions.empty_searches": (r.ProductsSearched, {"results_count": 0}, "search without results",
                                "searches without results"),
    "products.viewed": (r.ProductViewed, {}, "product view", "product views"),
    "browse.products": (r.ProductViewed, {}, "other product looked at", "other products looked at"),
    "cart.items": (r.CartAdded, {}, "piece in the cart", "pieces in the cart"),
    "cart.lines": (r.CartAdded, {}, "other product in the cart", "other products in the cart"),
    "checkout.steps": (r.CheckoutStepped, {}, "step of the checkout", "steps of the checkout"),
    "messages.sent": (r.MessageResponded, {"action": "sent"}, "message sent", "messages sent"),
    "messages.opened": (r.MessageResponded, {"action": "opened"}, "message opened",
                        "messages opened"),
    "messages.clicked": (r.MessageResponded, {"action": "clicked"}, "message clicked",
                         "messages clicked"),
}  # fmt: skip
"""Feature -> the record that raises it by one, what is said of it, and its words."""

_INSTANTS: dict[str, tuple[type, dict[str, Any], str]] = {
    "orders.last": (r.OrderCompleted, {}, "1 more order"),
    "cart.last_activity": (r.CartAdded, {}, "1 more piece in the cart"),
    "browse.last": (r.ProductViewed, {}, "1 more product view"),
    "checkout.last_step": (r.CheckoutStepped, {}, "1 more step of the checkout"),
    "seen.last": (r.PageViewed, {}, "1 more visit"),
    "messages.last_opened": (r.MessageResponded, {"action": "opened"}, "1 more message opened"),
}


class _Call(NamedTuple):
    """What a condition asks for as it is written: the function, the event, and the filter."""

    name: str
    event: str
    where: str


def _call(text: str) -> _Call | None:
    """The call that a comparison of one measure has on one of its sides, the first of two.

    >>> _call('count(order_completed, within=7 * DAY, where=channel == "app") >= 2')
    _Call(name='count', event='order_completed', where=' where channel == "app"')
    """
    tree = ast.parse(text, mode="eval").body
    for side in (tree.left, *tree.comparators) if isinstance(tree, ast.Compare) else ():
        if isinstance(side, ast.Call) and isinstance(side.func, ast.Name) and side.args:
            event = side.args[0]
            if isinstance(event, ast.Attribute):
                event = event.value
            said = event.value if isinstance(event, ast.Constant) else ast.unparse(event)
            found = [k.value for k in side.keywords if k.arg == "where"]
            where = "".join(f" where {ast.get_source_segment(text, one)}" for one in found)
            return _Call(side.func.id, str(said), where)
    return None


def _amount(micros: int) -> str:
    return f"{micros / MICROS:,.2f}"


def _satisfy(code: str, values: dict[str, Any]) -> bool:
    """Set properties so that a filter's code holds; False where it is not of the simple kind."""
    return _hold(ast.parse(code, mode="eval").body, values)


def _hold(node: ast.expr, values: dict[str, Any]) -> bool:
    found = False
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            found = all(_hold(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            found = _hold(parts[0], values)
        case ast.Compare(ops=[ast.IsNot()]):
            found = True
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=bool() as v)]):
            found = _set(left, v, values)
        case ast.Compare(left=left, ops=[ast.In()], comparators=[ast.Tuple(elts=[first, *_])]):
            found = _set(left, _number(first), values)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            wanted = _number(right)
            if isinstance(wanted, int | float) and not isinstance(wanted, bool):
                step = {ast.Gt: 1, ast.Lt: -1}.get(type(op), 0)
                wanted = round(wanted + step * (SMALLEST if abs(wanted) >= MICROS else 1))
            if isinstance(op, ast.Eq | ast.Gt | ast.GtE | ast.Lt | ast.LtE):
                found = _set(left, wanted, values)
    return found


def _set(node: ast.expr, value: Any, values: dict[str, Any]) -> bool:
    name = ast.unparse(node)
    if value is None or not isinstance(node, ast.Attribute):
        return False
    return bool(values.setdefault(name, value) == value)


def _number(node: ast.expr) -> Any:
    """A constant, also one that is computed, as amounts are."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        match node:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                one, other = _number(left), _number(right)
                return None if one is None or other is None else one * other
    return None
