"""What an event is called, said of its record: names for those who look at a stream as a whole.

A record is typed by what it does, so the same type stands for several names: a checkout's steps,
the answers to messages. The names here are the specification's, told from the fields that tell
them apart. They are derived from what decoding makes of each name, not listed again.
"""

from __future__ import annotations

import msgspec

from stream.events.consent import CONSENT_UPDATED
from stream.events.envelope import decode
from stream.events.names import ALIASES
from stream.events.records import ConsentChanged, Custom, CustomerEvent, Identified, PageViewed
from stream.events.vocabulary import EventKind, told_by

PAGE, IDENTIFIED, CUSTOM = "Page Viewed", "Identified", "Custom"
"""A page or screen call; an identify call; a track call outside of the specification."""

_TELLING = ("step", "action", "medium", "clicked", "filtered")
"""Fields of records that tell one name of a type from another."""

Key = tuple[object, ...]


def _key(record: CustomerEvent) -> Key:
    return (type(record), *[getattr(record, field, None) for field in _TELLING])


def _derived() -> tuple[dict[Key, str], dict[str, CustomerEvent]]:
    names: dict[Key, str] = {}
    examples: dict[str, CustomerEvent] = {}
    for name in ALIASES:
        call = {"type": "track", "event": name, "userId": "-", "timestamp": "2026-01-01T00:00:00Z"}
        record = decode(msgspec.json.encode(call), 0, None).record
        assert record is not None
        examples[name] = record
        # "Email Sent" says more than "Message Sent", which stands before it and is the same fact.
        names[_key(record)] = name
    others = (PAGE, PageViewed), (IDENTIFIED, Identified), (CONSENT_UPDATED, ConsentChanged)
    for name, kind in (*others, (CUSTOM, Custom)):
        examples[name] = kind(0, 0, 0)
        names[_key(examples[name])] = name
    return names, examples


_NAMES, _EXAMPLES = _derived()

KINDS: dict[str, type] = {name: type(record) for name, record in _EXAMPLES.items()}
"""Every name -> the type of its records."""

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


def named(kind: type, test: str) -> tuple[str, ...]:
    """Names of the type's events for which a test of the vocabulary holds; all without one.

    >>> from stream.events.records import WishlistChanged
    >>> named(WishlistChanged, "event.action == 'removed'")
    ('Product Removed from Wishlist',)
    """
    found = {name: record for name, record in _EXAMPLES.items() if type(record) is kind}
    if not test:
        return tuple(found)
    holds = told_by(EventKind((kind,), test, {}))
    return tuple(name for name, record in found.items() if holds(record))
