"""Filters: what `where=` says of one event, or of one of its items, into code.

A filter is a condition over the properties of its event (`events/vocabulary.py`): comparisons with
numbers, texts, settings or each other, `category in ("tea", "coffee")`, `"tea" in page`, flags, and
`and`, `or`, `not`. All of it holds for the same event, and where it asks for a property of items,
for the same item. A property of a shop's own event is of the kind that it is compared with. What
the event does not carry is unknown, and an event counts only where the filter is known to hold.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from difflib import get_close_matches

import msgspec

from stream.events.records import MICROS
from stream.events.vocabulary import (
    FLAG,
    MONEY,
    NUMBER,
    OWN,
    TEXT,
    EventKind,
    Property,
)
from stream.segments.kinds import NUMBER_MAX, ConditionError, Duration, constant_of, with_article

FILTER_DEPTH_MAX = 20
CHOICES_MAX = 100
"""Values in one `in (...)`."""

_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip


class Filter(msgspec.Struct, frozen=True):
    """Code that is true where a filter is known to hold."""

    code: str = ""
    is_of_items: bool = False


class _Truth(msgspec.Struct, frozen=True):
    """Code for: known to hold; and for: known not to."""

    holds: str
    fails: str


class _Term(msgspec.Struct, frozen=True):
    code: str
    kind: str
    is_known: bool


class FilterParser:
    """Reads filters and values of one event.

    Raises
    ------
    ConditionError
        From its methods, with the column of the offending name and the nearest right one.
    """

    def __init__(
        self, source: str, settings: Mapping[str, float], name: str, event: EventKind
    ) -> None:
        self._source = source
        self._settings = settings
        self._name = name
        self._event = event
        self._is_of_items = False

    def filter(self, node: ast.expr | None) -> Filter:
        """The filter of a `where=`; without one all events count."""
        self._is_of_items = False
        if node is None:
            return Filter()
        truth = self._truth(node, 0)
        return Filter(truth.holds, self._is_of_items)

    def property(self, name: str, node: ast.expr) -> Property:
        """The event's property of that name."""
        found = self._event.properties.get(name)
        if found is None:
            near = get_close_matches(name, self._event.properties, 1, 0.4)
            hint = (
                f"did you mean {near[0]}?"
                if near
                else "it has " + ", ".join(sorted(self._event.properties))
            )
            raise ConditionError(
                f"{name!r} is no property of {self._name}; {hint}", node.col_offset
            )
        return found

    def _truth(self, node: ast.expr, depth: int) -> _Truth:
        if depth > FILTER_DEPTH_MAX:
            message = f"filters deeper than {FILTER_DEPTH_MAX}; split it"
            raise ConditionError(message, node.col_offset)
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self._truth(value, depth + 1) for value in values]
                both = isinstance(op, ast.And)
                return _Truth(
                    _joined(" and " if both else " or ", [p.holds for p in parts]),
                    _joined(" or " if both else " and ", [p.fails for p in parts]),
                )
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._truth(operand, depth + 1)
                return _Truth(inner.fails, inner.holds)
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as op], comparators=[right]):
                found = self._membership(left, right, node)
                return _Truth(found.fails, found.holds) if isinstance(op, ast.NotIn) else found
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _SIGNS:
                return self._comparison(left, _SIGNS[type(op)], right, node)
            case ast.Name():
                term = _as(self._term(node), FLAG)
                if term.kind == FLAG:
                    return _known([term], f"{term.code} is True", f"{term.code} is False")
        text = ast.get_source_segment(self._source, node) or ""
        raise ConditionError(
            f'{text!r} is no comparison of a filter; write one like category == "tea"',
            node.col_offset,
        )

    def _comparison(self, left: ast.expr, sign: str, right: ast.expr, node: ast.expr) -> _Truth:
        one, other = self._term(left), self._term(right)
        one, other = _as(one, other.kind), _as(other, one.kind)
        kinds = {one.kind, other.kind}
        if kinds == {MONEY, NUMBER}:
            one, other = _in_micros(one, left), _in_micros(other, right)
        elif len(kinds) > 1:
            message = f"compares {with_article(one.kind)} with {with_article(other.kind)}"
            raise ConditionError(f"{message}; compare two of one kind", node.col_offset)
        if one.kind in (FLAG, TEXT) and sign not in ("==", "!="):
            message = f"compares a {one.kind} by {sign}; use == or !="
            raise ConditionError(message, node.col_offset)
        code = f"{one.code} {sign} {other.code}"
        return _known([one, other], code, f"not ({code})")

    def _membership(self, left: ast.expr, right: ast.expr, node: ast.expr) -> _Truth:
        """`property in (...)`, or `"text" in property`."""
        one = self._term(left)
        if isinstance(right, ast.Tuple | ast.List | ast.Set):
            if not 0 < len(right.elts) <= CHOICES_MAX:
                message = f"chooses among 1 to {CHOICES_MAX} values"
                raise ConditionError(message, right.col_offset)
            choices = [self._term(each) for each in right.elts]
            one = _as(one, choices[0].kind)
            wanted = NUMBER if one.kind == MONEY else one.kind
            if any(each.kind != wanted or not each.is_known for each in choices):
                raise ConditionError(f"a {one.kind} is chosen among {wanted}s", right.col_offset)
            if one.kind == MONEY:
                choices = [_in_micros(c, n) for c, n in zip(choices, right.elts, strict=True)]
            code = f"{one.code} in ({', '.join(each.code for each in choices)},)"
            return _known([one], code, f"not ({code})")
        one, other = _as(one, TEXT), _as(self._term(right), TEXT)
        if one.kind != TEXT or other.kind != TEXT:
            raise ConditionError('looks for a text in a text, as in "tea" in page', node.col_offset)
        code = f"{one.code} in {other.code}"
        return _known([one, other], code, f"not ({code})")

    def _term(self, node: ast.expr) -> _Term:
        match node:
            case ast.Constant(value=bool() | str()) | ast.Name(id="true" | "false"):
                said = constant_of(node)
                return _Term(repr(said), FLAG if isinstance(said, bool) else TEXT, is_known=True)
            case ast.Constant(value=int() | float() as value):
                return _Term(_number(value, node), NUMBER, is_known=True)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return _Term(f"-{_number(value, node)}", NUMBER, is_known=True)
            case ast.Name(id=name) if name in self._event.properties:
                found = self._event.properties[name]
                self._is_of_items |= found.is_of_items
                return _Term(found.code, found.kind, is_known=False)
            case ast.Name(id=name) if name in self._settings:
                if isinstance(self._settings[name], Duration):
                    message = f"{name} is a time, and events are filtered by what they carry"
                    raise ConditionError(message, node.col_offset)
                return _Term(repr(self._settings[name]), NUMBER, is_known=True)
            case ast.Name(id=name) if (own := self._event.properties.get(name)) is not None:
                return _Term(own.code, own.kind, is_known=False)
        text = ast.get_source_segment(self._source, node) or ""
        self.property(text, node)
        raise ConditionError(f"{text!r} does not go into a filter", node.col_offset)


def _number(value: float, node: ast.expr) -> str:
    if not abs(value) < NUMBER_MAX:
        raise ConditionError(f"{value!r} is no number below {NUMBER_MAX:g}", node.col_offset)
    return repr(value)


def _as(term: _Term, kind: str) -> _Term:
    """A property of a shop's own event as the kind that it is compared with; a text as the last."""
    if term.kind != OWN:
        return term
    kind = {OWN: TEXT, MONEY: NUMBER}.get(kind, kind)
    return _Term(f"{kind}_trait({term.code})", kind, is_known=False)


def _in_micros(term: _Term, node: ast.expr) -> _Term:
    """An amount as records hold it."""
    if term.kind == MONEY:
        return term
    if not term.is_known:
        message = "compares an amount with a count; compare it with a number or an amount"
        raise ConditionError(message, node.col_offset)
    return _Term(repr(round(float(term.code) * MICROS)), MONEY, is_known=True)


def _joined(word: str, codes: list[str]) -> str:
    return "(" + word.join(codes) + ")"


def _known(terms: list[_Term], holds: str, fails: str) -> _Truth:
    """Both only where the event carries what is asked."""
    guards = [f"({term.code}) is not None" for term in terms if not term.is_known]
    return _Truth(_joined(" and ", [*guards, holds]), _joined(" and ", [*guards, fails]))
