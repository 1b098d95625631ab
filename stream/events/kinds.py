"""What an event is called, said of its record: names for those who look at a stream as a whole.

A record is typed by what it does, so the same type stands for several names: a checkout's steps,
the answers to messages. The names here are the specification's, told from the fields that tell
them apart. They are derived from the very builders that make the records, not listed again.
"""

from __future__ import annotations

import msgspec

from stream.events.head import Head
from stream.events.records import Custom, CustomerEvent, Identified, PageViewed
from stream.events.tracked import CANONICAL

PAGE, IDENTIFIED, CUSTOM = "Page Viewed", "Identified", "Custom"
"""A page or screen call; an identify call; a track call outside of the specification."""

_TELLING = ("step", "action", "medium", "clicked", "filtered")
"""Fields of records that tell one name of a type from another."""

Key = tuple[object, ...]


def _key(record: CustomerEvent) -> Key:
    return (type(record), *[getattr(record, field, None) for field in _TELLING])


def _derived() -> tuple[dict[Key, str], dict[str, type]]:
    head: Head = (0, 0, 0, None, None)
    names: dict[Key, str] = {}
    types: dict[str, type] = {}
    for name, (decoder, build) in CANONICAL.items():
        record = build(decoder.decode(msgspec.Raw(b"{}")), head)
        types[name] = type(record)
        # "Email Sent" says more than "Message Sent", which stands before it and is the same fact.
        names[_key(record)] = name
    for name, kind in ((PAGE, PageViewed), (IDENTIFIED, Identified), (CUSTOM, Custom)):
        types[name] = kind
        names[_key(kind(0, 0, 0))] = name
    return names, types


_NAMES, KINDS = _derived()
"""`KINDS`: every name -> the type of its records."""

_BY_TYPE = {kind: name for name, kind in reversed(KINDS.items())}


def kind_of(record: CustomerEvent) -> str:
    """The name of a record's event; for an unusual medium, that of the usual one's.

    >>> kind_of(PageViewed(0, 0, 0))
    'Page Viewed'
    """
    return _NAMES.get(_key(record)) or _unusual(record)


def _unusual(record: CustomerEvent) -> str:
    """What no name of the specification stands for, such as an SMS that was opened."""
    medium, action = getattr(record, "medium", None), getattr(record, "action", None)
    for key, name in _NAMES.items():
        if key[0] is type(record) and medium is not None and key[2] == action:
            return name
    return _BY_TYPE[type(record)]
