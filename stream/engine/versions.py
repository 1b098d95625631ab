"""Versions in force: what decides, at each point of a partition's timeline.

Every announced version makes the next context: the former one with one thing exchanged. A row is
evaluated under the context in force at its own time, and crosses to the next one at the version's
activation, on the same timeline as its timers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from stream.clock import NEVER_MS
from stream.clustering.model import ClusterModel, decode_model
from stream.events.records import Version
from stream.features.vector import DIMENSIONS
from stream.segments.pack import Pack, load_pack

DEFINITIONS = "definitions"
POPULATION = "population"
CLUSTERS = "clusters"

CLUSTER_PREFIX = "cluster:"
"""Segments that the learned model decides, by cluster id."""


class UnknownVersionError(ValueError):
    """A version of a kind that this build does not know."""


class Context(msgspec.Struct, frozen=True):
    """What decides from `active_ms` on, until the next context.

    `thresholds` maps "feature:rank" to the value above which a customer reaches the rank.
    """

    number: int
    kind: str
    name: str
    active_ms: int
    pack: Pack | None = None
    thresholds: Mapping[str, int] = {}
    model: ClusterModel | None = None
    model_name: str = ""

    def version_of(self, segment: str) -> str:
        """The version of what decides a segment."""
        if segment.startswith(CLUSTER_PREFIX):
            return self.model_name
        return "" if self.pack is None else self.pack.versions.get(segment, "")

    def action_of(self, segment: str) -> dict[str, Any]:
        """The action of a segment that is on by default; nothing for the others."""
        return {} if self.pack is None else self.pack.actions.get(segment, {})


NOTHING = Context(number=0, kind="", name="", active_ms=0)

_thresholds = msgspec.json.Decoder(dict[str, int])


def following(context: Context, version: Version) -> Context:
    """The context after `context` in which `version` is in force.

    Raises
    ------
    UnknownVersionError
        For a kind that a newer build announced: this one cannot decide by it.
    """
    after = msgspec.structs.replace(
        context,
        number=context.number + 1,
        kind=version.kind,
        name=version.name,
        active_ms=max(version.active_ms, context.active_ms),
    )
    match version.kind:
        case "definitions":
            return msgspec.structs.replace(after, pack=load_pack(version.content))
        case "population":
            return msgspec.structs.replace(after, thresholds=_thresholds.decode(version.content))
        case "clusters":
            model = decode_model(version.content)
            # One of other features than this build's vector has assigns nobody.
            fits = model.features == DIMENSIONS
            return msgspec.structs.replace(
                after, model=model if fits else None, model_name=version.name
            )
        case _:
            raise UnknownVersionError(
                f"version kind {version.kind!r} is unknown: run the build that announced it"
            )


class Timeline:
    """The contexts that rows of a partition can still be in, oldest first.

    Rows at or under `swept` have crossed to it, whatever their own number says. `begun_ms` holds
    the broker's time of the record by which the clock reached a context, while rows cross to it.
    """

    def __init__(self) -> None:
        self.contexts: dict[int, Context] = {0: NOTHING}
        self.latest = NOTHING
        self.swept = 0
        self.next_active_ms = NEVER_MS
        self.begun_ms: dict[int, int] = {}

    def announce(self, version: Version) -> Context:
        """Add the version's context."""
        context = following(self.latest, version)
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
        start = msgspec.structs.replace(NOTHING, number=number)
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
