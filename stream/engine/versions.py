"""Versions in force: each announced version makes the next context, with one thing exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

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
