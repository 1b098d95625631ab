"""What decides for a while: definitions, thresholds and a model, as versions have put in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stream.clustering.model import ClusterModel
from stream.outcomes.assignment import TREATED, Assignment, assign
from stream.segments.pack import Pack, Told

CLUSTER_PREFIX: Final = "cluster:"
"""Segments that the learned model decides, by cluster id."""

QUARANTINE: Final = "quarantine:rate"
"""Who sends more than a person can (quarantine.py)."""

OWN_PREFIXES: Final = (CLUSTER_PREFIX, QUARANTINE)
"""Segments that no definition can name."""


class Context:
    """What decides from `active_ms` on, until the next context; nobody changes it.

    `thresholds` maps "feature:rank" to the value above which a customer reaches the rank, and
    "~measure" to the instant since when rows keep that measure: those of `kept_ms`, which are not
    kept since the beginning of the log.
    """

    __slots__ = (
        "active_ms",
        "kept_ms",
        "kind",
        "model",
        "model_name",
        "name",
        "number",
        "pack",
        "thresholds",
    )

    def __init__(self, number: int = 0, kind: str = "", name: str = "", active_ms: int = 0) -> None:
        self.number = number
        self.kind = kind
        self.name = name
        self.active_ms = active_ms
        self.pack: Pack | None = None
        self.thresholds: Mapping[str, int] = {}
        self.kept_ms: Mapping[str, int] = {}
        self.model: ClusterModel | None = None
        self.model_name = ""

    def next(self, kind: str, name: str, active_ms: int) -> Context:
        """The one after it, as yet with everything as it is here: for `versions.following`."""
        after = Context(self.number + 1, kind, name, max(active_ms, self.active_ms))
        after.pack, after.thresholds, after.kept_ms = self.pack, self.thresholds, self.kept_ms
        after.model, after.model_name = self.model, self.model_name
        return after

    def told_of(self, segment: str) -> Told:
        """What the changes of a segment carry; of a cluster's, the model's name."""
        told = None if self.pack is None else self.pack.told.get(segment)
        if told is not None:
            return told
        name = ""
        if segment.startswith(CLUSTER_PREFIX):
            name = self.model_name
        elif segment == QUARANTINE and self.pack is not None:
            name = self.pack.name
        return Told(name, {}, 0)

    def stamp_of(self, customer: str, segment: str) -> Assignment:
        """The control group and the variant of a customer, where the segment has an action."""
        definition = None if self.pack is None else self.pack.definitions.get(segment)
        if self.pack is None or definition is None or not definition.action.channels:
            return TREATED
        action, everybody = definition.action, self.pack.document.control
        return assign(
            customer, segment, everybody.salt, action.control, everybody.share, action.variants
        )
