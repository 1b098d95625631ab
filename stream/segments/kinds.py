"""Kinds of values in conditions, and the error that a condition ends with."""

from __future__ import annotations

import ast

NUMBER, DURATION, INSTANT, FLAG, TEXT = "number", "duration", "instant", "flag", "text"

TRAIT = "trait"
"""A trait is a number, a text or a flag, as what it is compared with is."""

KIND_OF_UNIT = {"duration": DURATION, "instant": INSTANT, "flag": FLAG, "text": TEXT}
"""Every other unit is a number's."""


NUMBER_MAX = 1e15
"""Above it a number is a slip; and milliseconds of 30,000 years are below it."""

_NAMES = {"micros": "amount", "money": "amount"}


def with_article(kind: str) -> str:
    """A kind or unit in a sentence.

    >>> with_article("instant"), with_article("text")
    ('an instant', 'a text')
    """
    name = _NAMES.get(kind, kind)
    return f"{'an' if name[0] in 'aio' else 'a'} {name}"


class Duration(float):
    """A setting that stands for a time, in milliseconds."""


def constant_of(node: ast.Constant | ast.Name) -> object:
    """What a constant is; flags are written as in YAML, too.

    >>> constant_of(ast.Name("true")), constant_of(ast.Constant(3))
    (True, 3)
    """
    return node.value if isinstance(node, ast.Constant) else node.id == "true"


class ConditionError(ValueError):
    """A condition that does not read; `column` is where, counted from 0."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column
