"""The timeline of a partition: what decides, at each point of it.

A row is evaluated under the context in force at its own time, and crosses to the next one at the
version's activation, on the same timeline as its timers.
"""

from __future__ import annotations

from collections.abc import Mapping

from stream.clock import NEVER_MS
from stream.engine.context import Context
from stream.engine.versions import following
from stream.events.records import Version


class Timeline:
    """The contexts that rows of a partition can still be in, oldest first.

    Rows at or under `swept` have crossed to it, whatever their own number says. `begun_ms` holds
    the broker's time of the record by which the clock reached a context, while rows cross to it.
    """

    def __init__(self) -> None:
        self.latest = Context()
        self.contexts: dict[int, Context] = {0: self.latest}
        self.swept = 0
        self.next_active_ms = NEVER_MS
        self.begun_ms: dict[int, int] = {}

    def announce(self, version: Version, kept_ms: Mapping[str, int] | None = None) -> Context:
        """Add the version's context; at a restore with what is known of its measures."""
        context = following(self.latest, version, kept_ms)
        self.contexts[context.number] = context
        self.latest = context
        self._look_ahead()
        return context

    def complete(self, number: int) -> None:
        """All rows have crossed to context `number`: forget the ones before it."""
        self.swept = number
        for old in [n for n in self.contexts if n < number]:
            del self.contexts[old]
        self.begun_ms.pop(number, None)
        self._look_ahead()

    def restart_at(self, number: int) -> None:
        """Number the present context `number`, at the restore of a partition."""
        start = Context(number)
        self.contexts, self.latest, self.swept = {number: start}, start, number
        self.begun_ms = {}
        self._look_ahead()

    def _look_ahead(self) -> None:
        coming = self.contexts.get(self.swept + 1)
        self.next_active_ms = NEVER_MS if coming is None else coming.active_ms

    def of(self, activation: int) -> Context:
        """The context of a row that crossed last to number `activation`."""
        swept = self.swept
        return self.contexts[swept if activation < swept else activation]  # noqa: FURB136 no call

    def after(self, activation: int) -> Context | None:
        """The context that such a row crosses to next."""
        return self.contexts.get(max(activation, self.swept) + 1)

    def at(self, time_ms: int) -> Context:
        """The context that a row begun at `time_ms` is in."""
        context = self.contexts[self.swept]
        while True:
            coming = self.contexts.get(context.number + 1)
            if coming is None or (
                coming.active_ms > time_ms and coming.number not in self.begun_ms
            ):
                return context
            context = coming
