"""`needs`: a purpose without whose consent nobody is a member."""

from __future__ import annotations

import re

import msgspec

from stream.features.registry import Feature
from stream.segments.arithmetic import variable
from stream.segments.compiler import Rule
from stream.segments.conditions import Comparison, Condition, Side, Tree
from stream.segments.kinds import FLAG
from stream.segments.source import Source
from stream.state.fold import CONSENT

_NEEDS = re.compile(r"([a-z]+/)?[a-z0-9_-]{1,64}")


def gated(
    source: Source, where: tuple[str | int, ...], rule: Rule, needs: str | None, default: str
) -> Rule:
    """The rule for those alone who agree: others do not enter, and leave when they withdraw.

    Whether somebody agrees is always known: for who has said nothing, `default` says it.

    Raises
    ------
    DefinitionError
        For a purpose that is no name.
    """
    if needs is None:
        return rule
    if _NEEDS.fullmatch(needs) is None:
        raise source.error(
            (*where, "needs"), f"{needs!r} is no purpose; write one like marketing or email/news"
        )
    feature = Feature(
        f"consent:{needs}",
        f"agreed(words_of(row), {needs!r}, {default == 'allow'})",
        "flag",
        CONSENT,
        f"Whether the customer agrees to {needs}.",
    )
    code = variable(feature.name)
    leaf = Comparison(
        f"consent to {needs}",
        Side(code, (feature.name,), kind=FLAG),
        "==",
        Side("True", kind=FLAG),
    )
    leave = rule.exit
    return msgspec.structs.replace(
        rule,
        enter=_with("and", rule.enter, leaf, feature),
        exit=None if leave is None else _with("or", leave, leaf, feature),
    )


def _with(op: str, condition: Condition, leaf: Comparison, feature: Feature) -> Condition:
    """The condition `and` the leaf, or the condition `or` not the leaf."""
    number = len(condition.leaves)
    part: Tree | int = number if op == "and" else Tree("not", (number,))
    return Condition(
        Tree(op, (condition.tree, part)),
        (*condition.leaves, leaf),
        (*condition.features, feature),
        condition.measures,
    )
