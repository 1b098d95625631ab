"""What is usually meant where a condition does not read: how it is written elsewhere, and here."""

from __future__ import annotations

import re

from stream.segments.kinds import ConditionError

_SLIPS = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (r"=[<>]", "write >= or <="),
        (r"<>", "write !="),
        (r"(?<![<>=!])=(?!=)", "write == to compare"),
        (r"&&?|\|\|?", "write and, or"),
        (r"!(?!=)", "write not, or !="),
        (r"\b(?:AND|And|OR|Or|NOT|Not)\b\s*\S?", "write and, or, not in small letters"),
        (
            r"(?i)\b\d[\d.]*\s*(?:sec|min|h|hour|d|day|week|month|year)[a-z]*",
            "write a time like 30 * DAY",
        ),
        (r"(?i)\b\d[\d.,]*\s*(?:EUR|USD|GBP|CHF|[€$£])|[€$£]\s*\d", "write an amount as a number"),
        (r"\d\s*%\s*\S?", "write a share as 0.1 for 10%"),
        (r"[“”„\u2018\u2019«»]", 'write straight quotes, as in "Tea"'),
        (r"(?i)\bbetween\b", "write two comparisons with and between them"),
    )
)
"""What stands around the place of the error, and what to write; the first one counts."""


def unreadable(source: str, error: SyntaxError) -> ConditionError:
    """What is wrong with a text, of one line, that is no Python expression, and where.

    >>> found = unreadable("orders.count = 3", SyntaxError("invalid syntax", ("", 1, 14, "")))
    >>> str(found), found.column
    ('does not read as a condition; write == to compare', 13)
    """
    column = error.offset - 1 if error.offset else len(source)
    last = min(column, len(source) - 1)
    for pattern, advice in _SLIPS:
        for found in pattern.finditer(source):
            if found.start() <= last < found.end():
                return ConditionError(f"does not read as a condition; {advice}", found.start())
    if source and column >= len(source):
        return ConditionError("does not read as a condition: its end is missing", len(source))
    return ConditionError(f"does not read as a condition: {error.msg}", column)
