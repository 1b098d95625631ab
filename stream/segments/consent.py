"""`needs`: a purpose without whose consent nobody is a member; `consent`: the shop's own words.

Events carry consent in the words of the shop's consent tool and profile. Those that everybody uses
are known (events/consent.py, state/consents.py). The section `consent` says what the others mean,
also of what was heard before it came into force.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from stream.events.consent import CATEGORIES, CATEGORY_MAX, CHANNELS, PREFERENCES_MAX, keys_of
from stream.features.registry import Feature
from stream.segments.arithmetic import variable
from stream.segments.compiler import Rule
from stream.segments.conditions import Comparison, Condition, Side, Tree
from stream.segments.definition import Document
from stream.segments.kinds import FLAG
from stream.segments.source import Source
from stream.state.consents import OBJECTIONS, TRAITS, Meanings
from stream.state.fold import CONSENT, TRAITS_MAX

Path = tuple[str | int, ...]

_NEEDS = re.compile(r"([a-z]+/)?[a-z0-9_-]{1,64}")


_MEANT = re.compile(r"(?:(?P<channel>[^/]*)/)?(?P<purpose>[a-z0-9_-]{1,64})")
_PURPOSES = ("marketing", *sorted(OBJECTIONS))


def gated(
    source: Source,
    where: Path,
    rule: Rule,
    needs: str | None,
    default: str,
    meanings: Meanings | None = None,
) -> Rule:
    """The rule for those alone who agree: others do not enter, and leave when they withdraw.

    Whether somebody agrees is always known: for who has said nothing, `default` says it.

    Raises
    ------
    DefinitionError
        For a purpose that is no name.
    """
    if needs is None:
        return rule
    if _NEEDS.fullmatch(needs) is None:
        raise source.error(
            (*where, "needs"), f"{needs!r} is no purpose; write one like marketing or email/news"
        )
    words = "words_of(row)" if meanings is None else f"words_of(row, {meanings!r})"
    feature = Feature(
        f"consent:{needs}",
        f"agreed({words}, {needs!r}, {default == 'allow'})",
        "flag",
        CONSENT,
        f"Whether the customer agrees to {needs}.",
    )
    code = variable(feature.name)
    leaf = Comparison(
        f"consent to {needs}",
        Side(code, (feature.name,), kind=FLAG),
        "==",
        Side("True", kind=FLAG),
    )
    leave = rule.exit
    return msgspec.structs.replace(
        rule,
        enter=_with("and", rule.enter, leaf, feature),
        exit=None if leave is None else _with("or", leave, leaf, feature),
    )


def _with(op: str, condition: Condition, leaf: Comparison, feature: Feature) -> Condition:
    """The condition `and` the leaf, or the condition `or` not the leaf."""
    number = len(condition.leaves)
    part: Tree | int = number if op == "and" else Tree("not", (number,))
    return Condition(
        Tree(op, (condition.tree, part)),
        (*condition.leaves, leaf),
        (*condition.features, feature),
        condition.measures,
    )


def meanings_of(source: Source, document: Document) -> Meanings | None:
    """What the shop's own categories and traits mean; None where the file says nothing of them.

    Raises
    ------
    DefinitionError
        For a word that has its meaning already, one without a meaning, and a purpose or channel
        that there is not.
    """
    said = document.consent
    for field, names, most in (
        ("categories", said.categories, PREFERENCES_MAX),
        ("traits", said.traits, TRAITS_MAX),
    ):
        if len(names) > most:
            what = f"names more than {most}, and no customer has more; keep few"
            raise source.error(("consent", field), what)
    purposes = _purposes(document)
    categories: dict[str, tuple[str, ...]] = {}
    for category, meant in said.categories.items():
        path = ("consent", "categories", category)
        word = _own_word(source, path, category)
        if word in categories:
            raise source.error(path, f"{category!r} is written twice, in another case; keep one")
        texts = (meant,) if isinstance(meant, str) else meant
        if not texts:
            raise source.error(path, "means nothing; write a purpose such as email/marketing")
        categories[word] = tuple(_meant(source, path, text, purposes) for text in texts)
    traits: list[tuple[str, str, bool]] = []
    for trait, text in said.traits.items():
        path = ("consent", "traits", trait)
        if trait in TRAITS:
            raise source.error(path, f"{trait!r} has its meaning already; take it out")
        refused = text.startswith("not ")
        meaning = _meant(source, path, text.removeprefix("not ").strip(), purposes)
        traits.append((trait, meaning, not refused))
    return (tuple(categories.items()), tuple(traits)) if categories or traits else None


def _own_word(source: Source, path: Path, category: str) -> str:
    """The word that a category is kept as; one that is known already cannot mean another thing."""
    if not category.strip() or len(category) > CATEGORY_MAX:
        raise source.error(path, f"is no category; write its name, of 1 to {CATEGORY_MAX} letters")
    keys = keys_of(category)
    purposes = {key.partition("/")[2] for key in keys}
    if category.strip().casefold() in CATEGORIES or not purposes.isdisjoint(_PURPOSES):
        there = " and ".join(key.removeprefix("/") for key in keys)
        raise source.error(path, f"{category!r} has its meaning already, {there}; take it out")
    return keys[0]


def _purposes(document: Document) -> tuple[str, ...]:
    """Those that a definition asks for, and those that Shoal knows by itself."""
    asked = [definition.needs for definition in document.segments]
    asked += [definition.action.consent for definition in document.segments]
    found = [one.rpartition("/")[2] for one in asked if one is not None]
    return tuple(dict.fromkeys((*_PURPOSES, *found)))


def _meant(source: Source, path: Path, text: str, purposes: tuple[str, ...]) -> str:
    """`CHANNEL/PURPOSE`, or `/PURPOSE` for every channel."""
    found = _MEANT.fullmatch(text)
    if found is None:
        raise source.error(
            path, f"{text[:60]!r} is no purpose; write one like marketing or email/marketing"
        )
    channel, purpose = found["channel"], found["purpose"]
    if channel is not None and channel not in CHANNELS:
        raise source.error(
            path, f"{channel!r} is no channel; {_nearest(channel, sorted(CHANNELS))}"
        )
    if purpose not in purposes:
        hint = _nearest(purpose, purposes)
        raise source.error(path, f"{purpose!r} is a purpose that no definition asks for; {hint}")
    return f"{channel or ''}/{purpose}"


def _nearest(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
