"""What a stream carries: how many events of each name, with which properties, since when."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from stream.clock import NEVER_MS
from stream.events.kinds import CUSTOM, kind_of
from stream.events.records import Custom, CustomerEvent, Identified
from stream.features.properties import OWN_PREFIX, PROPERTIES_OF, TRAIT_PREFIX

NAMES_MAX = 500
"""Names of events; some clients put an id into them."""

PROPERTIES_MAX = 5_000
"""Properties of events: those of the specification are a few hundred."""


def custom_event(name: str) -> str:
    """What a shop's own event is called among the others.

    >>> custom_event("Payment Failed")
    'Custom: Payment Failed'
    """
    return f"{CUSTOM}: {name}"


class Seen(msgspec.Struct):
    """How often something came, and from when to when, in milliseconds of event time."""

    count: int = 0
    first_ms: int = NEVER_MS
    last_ms: int = 0

    def add(self, time_ms: int) -> None:
        self.count += 1
        self.first_ms = min(self.first_ms, time_ms)
        self.last_ms = max(self.last_ms, time_ms)


class Inventory:
    """Counts of a stream; feed it with `observe`, in any order. About 10 us an event.

    events      name of an event -> how often it came; a shop's own by `custom_event`, too
    properties  (name of an event, property) -> on how many of them it came
    """

    def __init__(self) -> None:
        self.total = Seen()
        self.events: dict[str, Seen] = {}
        self.properties: dict[tuple[str, str], Seen] = {}

    def observe(self, record: CustomerEvent) -> None:
        """Count one event."""
        name, time_ms = kind_of(record), record.time_ms
        self.total.add(time_ms)
        self.events.setdefault(name, Seen()).add(time_ms)
        if type(record) is Custom:
            self._observe_custom(record)
        elif type(record) is Identified:
            self._observe_named(name, TRAIT_PREFIX, record.traits, time_ms)
        for found in PROPERTIES_OF[name]:
            if found.carried(record):
                self.properties.setdefault((name, found.name), Seen()).add(time_ms)

    def _observe_custom(self, record: Custom) -> None:
        """A shop's own event, by its name as well; of very many names the first."""
        key, time_ms = custom_event(record.name), record.time_ms
        if key in self.events or len(self.events) < NAMES_MAX:
            self.events.setdefault(key, Seen()).add(time_ms)
            self._observe_named(key, OWN_PREFIX, record.properties, time_ms)

    def _observe_named(self, event: str, prefix: str, names: Iterable[str], time_ms: int) -> None:
        """What shops name themselves; of very many names the first."""
        for name in names:
            place = (event, prefix + name)
            if place in self.properties or len(self.properties) < PROPERTIES_MAX:
                self.properties.setdefault(place, Seen()).add(time_ms)

    def seen(self, names: Iterable[str]) -> Seen:
        """How often any of the events came."""
        return _sum(self.events.get(name) for name in names)

    def carrying(self, names: Iterable[str], wanted: str) -> Seen:
        """How often any of the events came with the property."""
        return _sum(self.properties.get((name, wanted)) for name in names)

    def share(self, names: Iterable[str], wanted: str) -> float:
        """Share of those events that carry the property; 0 where there is no such event."""
        names = tuple(names)
        count = self.seen(names).count
        return self.carrying(names, wanted).count / count if count else 0.0


def _sum(parts: Iterable[Seen | None]) -> Seen:
    total = Seen()
    for part in parts:
        if part is not None:
            total.count += part.count
            total.first_ms = min(total.first_ms, part.first_ms)
            total.last_ms = max(total.last_ms, part.last_ms)
    return total
