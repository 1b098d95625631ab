"""The words of conditions, as `shoal segments features` tells them."""

from __future__ import annotations

from stream.segments.arithmetic import UNITS

FUNCTIONS: dict[str, str] = {
    "since(INSTANT)": "time since an instant; stands alone on its side of a comparison",
    "percentile(FEATURE)": "standing among all customers; goes with >= or < and a number from 0 "
    "to 1",
    'in_segment("NAME")': "membership of a segment that is defined above",
}
"""How a function is written -> what it gives."""

OPERATORS: dict[str, str] = {
    "< <= > >= == !=": "compare two values of one kind; flags and texts with == and !=",
    "and or not": "join comparisons; what is unknown makes nobody enter or leave",
    "+ - * /": "compute with numbers and times; 2 * DAY is a time, 2 is none",
}

KINDS: dict[str, str] = {
    "count": "a whole number",
    "ratio": "a number",
    "instant": "a moment; compare it by since()",
    "duration": "a time, as in 30 * DAY",
    "micros": "an amount, in units of the currency",
    "text": "a text, in quotes",
    "flag": "true or false; stands by itself",
}
"""Unit of a feature -> how it is written in conditions."""

TIME_UNITS: dict[str, int] = dict(UNITS)
"""Name -> milliseconds."""
