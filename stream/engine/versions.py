"""Versions in force: each announced version makes the next context, with one thing exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from xxhash import xxh3_64_intdigest

from stream.clustering.model import ClusterModel, decode_model
from stream.events.records import Version
from stream.features.vector import DIMENSIONS
from stream.outcomes.assignment import TREATED, Assignment, assign
from stream.segments.leaf_code import PAST_PREFIX
from stream.segments.pack import Pack, load_pack

DEFINITIONS = "definitions"
POPULATION = "population"
CLUSTERS = "clusters"
PAST = "past"

CLUSTER_PREFIX = "cluster:"
"""Segments that the learned model decides, by cluster id."""

QUARANTINE = "quarantine:rate"
"""Who sends more than a person can (quarantine.py)."""

OWN_PREFIXES = (CLUSTER_PREFIX, QUARANTINE)
"""Segments that no definition can name."""


class UnknownVersionError(ValueError):
    """A version of a kind that this build does not know."""


class Context(msgspec.Struct, frozen=True):
    """What decides from `active_ms` on, until the next context.

    `thresholds` maps "feature:rank" to the value above which a customer reaches the rank, and
    "~measure" to the instant since when rows keep that measure: those of `kept_ms`, which are not
    kept since the beginning of the log.
    """

    number: int
    kind: str
    name: str
    active_ms: int
    pack: Pack | None = None
    thresholds: Mapping[str, int] = {}
    kept_ms: Mapping[str, int] = {}
    model: ClusterModel | None = None
    model_name: str = ""

    def version_of(self, segment: str) -> str:
        """The version of what decides a segment."""
        if segment.startswith(CLUSTER_PREFIX):
            return self.model_name
        if segment == QUARANTINE and self.pack is not None:
            return self.pack.name
        return "" if self.pack is None else self.pack.versions.get(segment, "")

    def stamp_of(self, customer: str, segment: str) -> Assignment:
        """The control group and the variant of a customer, where the segment has an action."""
        definition = None if self.pack is None else self.pack.definitions.get(segment)
        if self.pack is None or definition is None or not definition.action.channels:
            return TREATED
        action, everybody = definition.action, self.pack.document.control
        return assign(
            customer, segment, everybody.salt, action.control, everybody.share, action.variants
        )

    def not_before_ms(self, customer: str, segment: str, now_ms: int) -> int | None:
        """When a change may be acted on, where its definition spreads waves by customer."""
        jitter_ms = 0 if self.pack is None else self.pack.jitters.get(segment, 0)
        if not jitter_ms:
            return None
        return now_ms + xxh3_64_intdigest(f"{segment}\0{customer}".encode()) % jitter_ms

    def action_of(self, segment: str) -> dict[str, Any]:
        """The action of a segment that is on by default; nothing for the others."""
        return {} if self.pack is None else self.pack.actions.get(segment, {})


NOTHING = Context(number=0, kind="", name="", active_ms=0)

_thresholds = msgspec.json.Decoder(dict[str, int])
_past = msgspec.json.Decoder(dict[str, tuple[int, int]])


def read_past(content: bytes) -> dict[str, tuple[int, int]]:
    """A version of the past: measure -> (since when it was kept, since when it now is, 0: ever).

    Raises
    ------
    msgspec.DecodeError
        For what is none.
    """
    return _past.decode(content)


def following(
    context: Context, version: Version, kept_ms: Mapping[str, int] | None = None
) -> Context:
    """The context after `context` in which `version` is in force.

    `kept_ms` is since when the measures of definitions are kept, where that is known already.

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
            pack = load_pack(version.content)
            if kept_ms is None:
                kept_ms = _kept_ms(context, pack, after.active_ms)
            quantiles = {k: v for k, v in after.thresholds.items() if k[:1] != PAST_PREFIX}
            return msgspec.structs.replace(
                after, pack=pack, kept_ms=kept_ms, thresholds=_joined(quantiles, kept_ms)
            )
        case "past":
            if kept_ms is None:
                kept_ms = _reaching_back(context.kept_ms, read_past(version.content))
            quantiles = {k: v for k, v in after.thresholds.items() if k[:1] != PAST_PREFIX}
            return msgspec.structs.replace(
                after, kept_ms=kept_ms, thresholds=_joined(quantiles, kept_ms)
            )
        case "population":
            quantiles = _thresholds.decode(version.content)
            return msgspec.structs.replace(after, thresholds=_joined(quantiles, after.kept_ms))
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


def _kept_ms(context: Context, pack: Pack, active_ms: int) -> dict[str, int]:
    """Since when each measure is kept: a former one's goes on, a new one's is the activation."""
    found: dict[str, int] = {}
    for key in pack.measures:
        is_known = goes_on(context.pack, pack, key)
        since_ms = context.kept_ms.get(key, 0) if is_known else active_ms
        if since_ms > 0:
            found[key] = since_ms
    return found


def goes_on(former: Pack | None, pack: Pack, key: str) -> bool:
    """Whether a measure means what rows have kept of it: hours and days are the shop's own."""
    if former is None or key not in former.measures or key not in pack.measures:
        return False
    if former.document.timezone == pack.document.timezone:
        return True
    steps = pack.measures[key].steps
    return not any("local." in f"{step.test} {step.filter} {step.value}" for step in steps)


def _reaching_back(
    kept_ms: Mapping[str, int], past: Mapping[str, tuple[int, int]]
) -> dict[str, int]:
    """Since when measures are kept, of which the past was added; said of another time, nothing."""
    found: dict[str, int] = {}
    for key, since_ms in kept_ms.items():
        before_ms, now_ms = past.get(key, (0, 0))
        reached_ms = now_ms if before_ms == since_ms and now_ms < since_ms else since_ms
        if reached_ms > 0:
            found[key] = reached_ms
    return found


def _joined(quantiles: Mapping[str, int], kept_ms: Mapping[str, int]) -> dict[str, int]:
    if not kept_ms:
        return dict(quantiles)
    kept = {PAST_PREFIX + key: since_ms for key, since_ms in kept_ms.items()}
    return {**quantiles, **kept, PAST_PREFIX: max(kept_ms.values())}
