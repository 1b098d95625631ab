"""One leaf in code: its truth at an instant, the instant at which time turns it, and its value.

Lines set `l<number>` to the leaf's two bits, in their place already, and lower `flip` to the
earliest later instant at which time alone can turn it. `since(x) >= d` is inverted to x + d and
`until(x) <= d` to x - d, so that nothing is ever polled; a window says itself when the next bucket
of it ends, and of a count that is as high as asked that one instant says both. A measure's past
begins with its definitions: until a window of it is whole, a count of it is a lower bound, which
proves "at least" and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor
from typing import Final

import msgspec

from stream.features.registry import Feature, Registry
from stream.segments.arithmetic import variable
from stream.segments.conditions import Calendar, Comparison, InSegment, Leaf, Side
from stream.segments.kinds import DURATION
from stream.state.fold import CONSENT, EVERYTHING, PAST, STANDING, TIME, TRAITS

UNKNOWN: Final = 0
FALSE: Final = 1
TRUE: Final = 3

PAST_PREFIX: Final = "~"
"""Before a measure's key: since when it is kept, among the thresholds that conditions get."""

_WORD = re.compile(r"\w+")
_ORDERED = (">=", ">", "<", "<=")
_LOWER_BOUNDS = ("count:", "distinct:")


class LeafCode(msgspec.Struct, frozen=True):
    """One leaf in code.

    lines     statements that set l0, l1, ... of its number, and lower `flip` where it is timed
    features  that it reads
    asks_population  whether it reads a percentile
    parts     of the row, that it reads; `TIME` where time alone can turn it, and `STANDING` where
              the shop's percentiles can
    """

    lines: tuple[str, ...]
    features: tuple[Feature, ...]
    parts: int
    asks_population: bool = False

    @property
    def is_timed(self) -> bool:
        """Whether time alone can turn it, other than through a segment that it asks for."""
        return any("flip = " in line for line in self.lines)


def leaf_code(
    number: int, leaf: Leaf, registry: Registry, parts_of: Mapping[str, int] | None = None
) -> LeafCode:
    """The code of a leaf, by its number in the unit.

    `parts_of` says of the segments that it may ask for which parts can turn them.
    """
    features = features_of(leaf, registry)
    lines = tuple("    " + line for line in _truth_lines(number, leaf, registry))
    if isinstance(leaf, InSegment):
        return LeafCode(lines, features, (parts_of or {}).get(leaf.segment, EVERYTHING) | TIME)
    ranks = isinstance(leaf, Comparison) and leaf.left.percentile is not None
    return LeafCode(lines, features, _parts(leaf, features) | (STANDING if ranks else 0), ranks)


def features_of(leaf: Leaf, registry: Registry) -> tuple[Feature, ...]:
    """The features that a leaf reads, each once."""
    if not isinstance(leaf, Comparison):
        return ()
    own = (leaf.left.since, leaf.left.until, leaf.left.percentile)
    names = (*(name for name in own if name), *leaf.left.features, *leaf.right.features)
    return tuple(registry[name] for name in dict.fromkeys(names))


def _parts(leaf: Leaf, features: tuple[Feature, ...]) -> int:
    """What can turn the leaf."""
    if not isinstance(leaf, Comparison):
        return TIME
    parts = TIME if leaf.left.since or leaf.left.until else 0
    for feature in features:
        parts |= feature.parts
        if feature.is_lower_bound_at_first:
            parts |= TIME | PAST
        elif feature.turns:
            parts |= TIME
    return parts


def percentile_key(feature: str, rank: float) -> str:
    """The name under which a population version holds the threshold."""
    return f"{feature}:{rank:g}"


def rank_of(leaf: Comparison) -> float:
    """The rank that a percentile is compared with."""
    assert leaf.right.constant is not None
    return float(leaf.right.constant)


def feature_loads(features: Iterable[Feature], used_in: Sequence[str]) -> list[str]:
    """Statements that load the features that lines use, each of them and each part once."""
    used = set(_WORD.findall("\n".join(used_in)))
    measures = dict.fromkeys(f.measure for f in features if f"k_{f.measure}" in used)
    kinds = dict.fromkeys(f for f in features if variable(f.name) in used)
    measures |= dict.fromkeys(f.measure for f in kinds if f.measure)
    kept = [f"    k_{key} = row.windows.get({key!r})" for key in measures]
    # The names of traits and categories of consent are anybody's text.
    said = [f for f in kinds if f.parts in (TRAITS, CONSENT)]
    traits = [f"    {variable(f.name)} = {f.code}" for f in said]
    lines = kept + [f"    {variable(f.name)} = {_load(f)}" for f in kinds if f not in said]
    text = "\n".join(lines)
    for part in ("sessions", "cart", "checkout", "browse", "orders", "messages", "windows.get"):
        if text.count(f"row.{part}") > 1:
            name = "p_" + part.replace(".", "_")
            text = f"    {name} = row.{part}\n" + text.replace(f"row.{part}", name)
    return [*traits, *(text.split("\n") if text else [])]


def past_loads(used_in: Sequence[str]) -> list[str]:
    """The statement by which lines know whether some past can be missing, where they ask for it:
    the definitions that began last may have begun after the customer was first heard of.
    """
    if not any("is_partial" in line for line in used_in):
        return []
    return [f"    is_partial = row.first_ms < thresholds.get({PAST_PREFIX!r}, 0)"]


def _load(feature: Feature) -> str:
    """Code of a feature; of a measure's without a call where nothing of it was kept."""
    if not feature.measure:
        return feature.code
    nothing = "None" if feature.nullable else "False" if feature.unit == "flag" else "0"
    return f"{nothing} if k_{feature.measure} is None else {_of_kept(feature, feature.code)}"


def _of_kept(feature: Feature, code: str) -> str:
    """Code over what is kept, which `feature_loads` has fetched once."""
    return code.replace(f"row.windows.get({feature.measure!r})", f"k_{feature.measure}")


def mark(number: int, truth: int) -> int:
    """What `l<number>` holds for a truth: its two bits, in their place already."""
    return truth << (2 * number)


def _truth_lines(number: int, leaf: Leaf, registry: Registry) -> list[str]:
    match leaf:
        case InSegment():
            yes, no = mark(number, TRUE), mark(number, FALSE)
            return [f"l{number} = {yes} if {leaf.segment!r} in row.{leaf.where} else {no}"]
        case Calendar():
            return _turning(number, str(leaf.at_ms), past=TRUE, before=FALSE)
    features = features_of(leaf, registry)
    if leaf.left.since:
        core = _since_lines(number, leaf)
    elif leaf.left.until:
        core = _until_lines(number, leaf)
    elif leaf.left.percentile:
        core = _percentile_lines(number, leaf)
    else:
        yes, no = mark(number, TRUE), mark(number, FALSE)
        core = [f"l{number} = {yes} if {_compared(number, leaf)} else {no}"]
    if _computes(leaf.left) or _computes(leaf.right):
        core = _attempted(core, f"l{number} = 0")
    core = _known_lines(number, leaf, features, core)
    if _need(leaf):
        return [*_fall_lines(number, leaf, features[0]), *core]
    core += _turn_lines(features)
    nullable = " or ".join(f"{variable(f.name)} is None" for f in features if f.nullable)
    if not nullable:
        return core
    return [
        f"if {nullable}:",
        f"    l{number} = 0",
        *("    " + line for line in _turn_lines(features)),
        "else:",
        *("    " + x for x in core),
    ]


def _need(leaf: Comparison) -> int:
    """Of a count that only time and no more events can lower: from which number on the comparison
    is another one. 0 where that is not so.
    """
    constant = leaf.right.constant
    if constant is None or leaf.op not in _ORDERED or not _is_count(leaf):
        return 0
    kind, _, *span = leaf.left.features[0].split(":")
    is_window, ends_now = span[:1] not in ([], ["0"]), kind == "distinct" or span[1:] == ["0"]
    if not is_window or not ends_now:
        return 0
    return max(0, ceil(constant) if leaf.op in (">=", "<") else floor(constant) + 1)


def _fall_lines(number: int, leaf: Comparison, feature: Feature) -> list[str]:
    """Until when the count is as high as is asked; `NEVER_MS` where it is not."""
    turns = _of_kept(feature, feature.turns).replace("turns_ms(", "falls_ms(")
    return [
        f"fall{number} = NEVER_MS",
        f"if k_{feature.measure} is not None:",
        f"    fall{number} = {turns[:-1]}, {_need(leaf)})",
        f"    if fall{number} < flip:",
        f"        flip = fall{number}",
    ]


def _compared(number: int, leaf: Comparison) -> str:
    """The comparison itself."""
    if _need(leaf):
        return f"fall{number} {'<' if leaf.op in ('>=', '>') else '>='} NEVER_MS"
    return f"{leaf.left.code} {leaf.op} {leaf.right.code}"


def _turn_lines(features: tuple[Feature, ...]) -> list[str]:
    """Time changes what is kept, also where its value is unknown: a window moves."""
    lines: list[str] = []
    for feature in features:
        if feature.turns:
            turn = [f"at = {_of_kept(feature, feature.turns)}", "if at < flip:", "    flip = at"]
            if feature.measure:
                turn = [f"if k_{feature.measure} is not None:", *("    " + line for line in turn)]
            lines += turn
    return lines


def _is_count(leaf: Comparison) -> bool:
    """Whether a count by itself stands on the left, and a number on the right."""
    left = leaf.left
    return (
        len(left.features) == 1
        and left.code == variable(left.features[0])
        and left.features[0].startswith(_LOWER_BOUNDS)
        and leaf.right.constant is not None
    )


def _known_lines(
    number: int, leaf: Comparison, features: tuple[Feature, ...], core: list[str]
) -> list[str]:
    """The lines, for when the past that the leaf asks for has been kept as a whole."""
    kept = [f for f in features if f.is_lower_bound_at_first]
    if not kept:
        return core
    wholes = [
        f"(0 if (kept_ms := thresholds.get({PAST_PREFIX + f.measure!r})) is None"
        f" else whole_ms(row.first_ms, kept_ms, {f.reach_ms}))"
        for f in kept
    ]
    at = wholes[0] if len(wholes) == 1 else f"max({', '.join(wholes)})"
    return [
        f"at = {at} if is_partial else 0",
        "if now < at:",
        "    if at < flip:",
        "        flip = at",
        f"    l{number} = {_partial(number, leaf)}",
        "else:",
        *("    " + line for line in core),
    ]


def _partial(number: int, leaf: Comparison) -> str:
    """The truth by a count of a part of the past."""
    left = leaf.left
    if left.features and left.features[0].startswith("happened:"):
        return f"{mark(number, TRUE)} if {left.code} else 0"
    if left.features and left.features[0].startswith("waited:"):
        key = left.features[0].partition(":")[2]
        yes, no = mark(number, TRUE), mark(number, FALSE)
        return f"0 if k_{key} is None else {yes} if {left.code} else {no}"
    is_count = _is_count(leaf)
    if is_count and leaf.op in (">=", ">"):
        return f"{mark(number, TRUE)} if {_compared(number, leaf)} else 0"
    if is_count and leaf.op in ("<", "<="):
        return f"0 if {_compared(number, leaf)} else {mark(number, FALSE)}"
    return "0"


def _computes(side: Side) -> bool:
    """Whether the side is arithmetic over features, which the customer's values may not allow."""
    return bool(side.features) and side.code.startswith("(")


def _attempted(lines: list[str], otherwise: str) -> list[str]:
    """The lines, or `otherwise` for what has no result, such as a share of nothing."""
    return [
        "try:",
        *("    " + line for line in lines),
        "except (ArithmeticError, ValueError):",
        "    " + otherwise,
    ]


def _turning(number: int, instant: str, *, past: int, before: int) -> list[str]:
    """A leaf that turns once, at an instant."""
    return [
        f"at = {instant}",
        "if now >= at:",
        f"    l{number} = {mark(number, past)}",
        "else:",
        f"    l{number} = {mark(number, before)}",
        "    if at < flip:",
        "        flip = at",
    ]


def _since_lines(number: int, leaf: Comparison) -> list[str]:
    """`since(x) >= d` turns true at ceil(x + d), `since(x) > d` one millisecond past x + d."""
    x = variable(leaf.left.since or "")
    constant, code = leaf.right.constant, leaf.right.code
    if leaf.op in (">=", "<"):
        instant = f"{x} + {f'ceil({code})' if constant is None else ceil(constant)}"
    else:
        instant = f"{x} + {f'floor({code}) + 1' if constant is None else floor(constant) + 1}"
    is_true_past = leaf.op in (">=", ">")
    past, before = (TRUE, FALSE) if is_true_past else (FALSE, TRUE)
    return _turning(number, instant, past=past, before=before)


def _until_lines(number: int, leaf: Comparison) -> list[str]:
    """`until(x) <= d` turns true at ceil(x - d), `until(x) < d` one millisecond past x - d."""
    x = variable(leaf.left.until or "")
    instant = f"{x} - {leaf.right.code}"
    rounded = f"ceil({instant})" if leaf.op in ("<=", ">") else f"floor({instant}) + 1"
    is_true_past = leaf.op in ("<=", "<")
    past, before = (TRUE, FALSE) if is_true_past else (FALSE, TRUE)
    return _turning(number, rounded, past=past, before=before)


def _percentile_lines(number: int, leaf: Comparison) -> list[str]:
    key = percentile_key(leaf.left.percentile or "", rank_of(leaf))
    yes, no = mark(number, TRUE), mark(number, FALSE)
    above, below = (yes, no) if leaf.op == ">=" else (no, yes)
    value = variable(leaf.left.percentile or "")
    return [
        f"threshold = thresholds.get({key!r})",
        "if threshold is None:",
        f"    l{number} = 0",
        "else:",
        f"    l{number} = {above} if {value} > threshold else {below}",
    ]


def value_lines(number: int, leaf: Leaf, registry: Registry) -> list[str]:
    """Statements that set `v<number>` to what evidence shows of a leaf."""
    lines = [f"v{number} = {_value(leaf, registry)}"]
    if isinstance(leaf, Comparison) and _computes(leaf.left):
        lines = _attempted(lines, f"v{number} = None")
    return ["    " + line for line in lines]


def _value(leaf: Leaf, registry: Registry) -> str:
    """What evidence shows for a leaf: a duration in seconds, a value as it is."""
    match leaf:
        case InSegment():
            return f"{leaf.segment!r} in row.{leaf.where}"
        case Calendar():
            return f"now >= {leaf.at_ms}"
    left = leaf.left
    if left.since or left.until:
        name = variable(left.since or left.until or "")
        passed = f"now - {name}" if left.since else f"{name} - now"
        return f"(None if {name} is None else ({passed}) // 1000)"
    if left.percentile:
        return _shown(registry[left.percentile])
    if len(left.features) == 1 and left.code == variable(left.features[0]):
        return _shown(registry[left.features[0]])
    return _guarded(left, registry)


def _shown(feature: Feature) -> str:
    value = variable(feature.name)
    if feature.unit == "micros":
        return f"(None if {value} is None else {value} / 1000000)"
    if feature.unit == "duration":
        return f"(None if {value} is None else {value} // 1000)"
    if feature.unit == "ratio":
        return f"(None if {value} is None else round({value}, 6))"
    return value


def _guarded(side: Side, registry: Registry) -> str:
    nullable = [variable(name) for name in side.features if registry[name].nullable]
    # What is computed may be beyond 64 bits, which JSON's readers cannot take.
    shown = f"round(float({side.code}), 6)" if _computes(side) else side.code
    if side.kind == DURATION:
        shown = f"int({side.code} // 1000)"
    if not nullable:
        return shown
    return f"(None if {' or '.join(f'{name} is None' for name in nullable)} else {shown})"
