"""The words of conditions, as `shoal segments features` tells them."""

from __future__ import annotations

from stream.events.vocabulary import EVENT_BY_WORD, event_kind
from stream.segments.arithmetic import UNITS

FUNCTIONS: dict[str, str] = {
    "since(INSTANT)": "time since an instant; stands alone on its side of a comparison",
    "until(INSTANT)": "time until an instant; stands alone on its side",
    "percentile(FEATURE)": "standing among all customers; goes with >= or < and a number from 0 "
    "to 1",
    'in_segment("NAME")': "membership of another segment",
    'trait("NAME", DEFAULT)': "what the shop or the customer says of it; compared, or by itself a "
    "flag; the default, which may be left out, is for who has none",
    "count(EVENT, within=, before=, where=)": "how many events",
    "sum(EVENT.PROPERTY, within=, before=, where=)": "their property, added up",
    "avg(EVENT.PROPERTY, within=, before=, where=)": "the mean of their property",
    "distinct(EVENT.PROPERTY, within=, where=)": "how many different values it has",
    "first(EVENT, where=)": "the instant of the first one; of EVENT.PROPERTY, its value",
    "last(EVENT, where=)": "the instant of the latest one; of EVENT.PROPERTY, its value",
    "sequence(EVENT, then=EVENT, within=)": "one followed by the other; then=not EVENT: it waited "
    "in vain",
    'bought("THING", within=)': "an order of a product, variant or category",
    'habit("THING", hours=, weekday=, within=)': "most orders of it at those hours and days",
    "ratio_to_past(MEASURE)": "a measure of a window against the same window before it",
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

EVENTS: dict[str, tuple[str, ...]] = {
    word: tuple(event_kind(name).properties) for word, name in EVENT_BY_WORD.items()
}
"""Word for an event in measures -> the properties that `where=` and sums can ask of it."""

TIME_UNITS: dict[str, int] = dict(UNITS)
"""Name -> milliseconds."""
