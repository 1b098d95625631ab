"""Versions in force: each announced version makes the next context, with one thing exchanged."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from stream.clustering.model import decode_model
from stream.engine.context import Context
from stream.events.records import Version
from stream.features.vector import DIMENSIONS
from stream.segments.leaf_code import PAST_PREFIX
from stream.segments.pack import Pack, load_pack

DEFINITIONS = "definitions"
POPULATION = "population"
CLUSTERS = "clusters"
PAST = "past"


class UnknownVersionError(ValueError):
    """A version of a kind that this build does not know."""


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
    after = context.next(version.kind, version.name, version.active_ms)
    match version.kind:
        case "definitions":
            after.pack = load_pack(version.content)
            if kept_ms is None:
                kept_ms = _kept_ms(context, after.pack, after.active_ms)
            after.kept_ms, after.thresholds = kept_ms, _joined(_quantiles(context), kept_ms)
        case "past":
            if kept_ms is None:
                kept_ms = _reaching_back(context.kept_ms, read_past(version.content))
            after.kept_ms, after.thresholds = kept_ms, _joined(_quantiles(context), kept_ms)
        case "population":
            after.thresholds = _joined(_thresholds.decode(version.content), context.kept_ms)
        case "clusters":
            model = decode_model(version.content)
            # One of other features than this build's vector has assigns nobody.
            after.model = model if model.features == DIMENSIONS else None
            after.model_name = version.name
        case _:
            raise UnknownVersionError(
                f"version kind {version.kind!r} is unknown: run the build that announced it"
            )
    return after


def _quantiles(context: Context) -> dict[str, int]:
    return {k: v for k, v in context.thresholds.items() if k[:1] != PAST_PREFIX}


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
