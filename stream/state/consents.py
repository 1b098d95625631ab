"""What a customer has agreed to, by channel and purpose, as `CHANNEL/PURPOSE`.

Four kinds of words, the latest of each counts by event time, and of two at one instant the no:

    email/marketing   marketing by e-mail
    /marketing        marketing on every channel
    email/            the channel as a whole: who unsubscribed is not written to
    /sale, /profiling objections

A word about one channel goes before an older one about all. A no about all ends what was agreed to
before. An unsubscription is lifted by a consent event that names the channel and by nothing else:
traits are copies, which shops send again with every identify call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stream.events import records as r
from stream.state.row import Row
from stream.state.shed import shed

CONSENTS_MAX: Final = 32
"""Words kept, 30 bytes each. Beyond them a no takes the place of the oldest yes, and one about
marketing, a channel as a whole or an objection that of the oldest no about anything else: of those
there are 25 for the known channels."""

MEDIUM_MAX: Final = 32

Words = dict[str, tuple[int, bool]]

Meanings = tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[tuple[str, str, bool], ...]]
"""A shop's own categories, each as the word that it is kept as and the words that it stands for;
and its own traits: (trait, word, whether true means yes)."""

OBJECTIONS: Final = frozenset({"sale", "profiling"})
"""Purposes that hold until the customer objects: CCPA's sale of data, profiling in the legitimate
interest (GDPR, articles 6(1)(f) and 21). All others need a yes."""

IMPLIED: Final = {"marketing": ("profiling",)}
"""To address a segment is profiling for marketing: who objects to that is not addressed (article
21(2) and (3))."""

SOLD: Final = frozenset({"retargeting", "ads"})
"""Channels that hand the customer's data to others: `/sale` is about them."""

_TRAITS: Final = {
    "email_opt_in": ("email/marketing", True),
    "sms_opt_in": ("sms/marketing", True),
    "push_opt_in": ("push/marketing", True),
    "phone_opt_in": ("phone/marketing", True),
    "newsletter_opt_in": ("email/marketing", True),
    "accepts_marketing": ("email/marketing", True),
    "email_marketing_consent.state": ("email/marketing", True),
    "sms_marketing_consent.state": ("sms/marketing", True),
    "email_opt_out": ("email/marketing", False),
    "sms_opt_out": ("sms/marketing", False),
    "push_opt_out": ("push/marketing", False),
    "marketing_consent": ("/marketing", True),
    "marketing_opt_in": ("/marketing", True),
    "marketing_opt_out": ("/marketing", False),
    "do_not_contact": ("/marketing", False),
    "do_not_sell": ("/sale", False),
    "profiling_objection": ("/profiling", False),
}
"""Trait -> what it is about, and whether true means yes. Shopify's names among them."""

_YES: Final = frozenset({"true", "yes", "y", "1", "granted", "subscribed", "opted_in"})
_NO: Final = frozenset(
    {"false", "no", "n", "0", "denied", "unsubscribed", "not_subscribed", "opted_out", "redacted"}
)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


TRAITS: Final = {**{_camel(name): said for name, said in _TRAITS.items()}, **_TRAITS}
"""The same with `emailOptIn` for `email_opt_in`."""

_names = frozenset(TRAITS)


def say(row: Row, key: str, granted: bool, time_ms: int) -> None:
    """Take a word; one that is older than what is known of the same says nothing."""
    words = row.consent
    known = words.get(key)
    if known is None:
        if len(words) >= CONSENTS_MAX:
            shed("consent_words")
            if not _make_room(words, key, granted):
                return
    elif time_ms < known[0] or (time_ms == known[0] and granted):
        return
    words[key] = (time_ms, granted)


def _make_room(words: Words, key: str, granted: bool) -> bool:
    """Forget a word for a no; whether there is room now."""
    matters = _is_about_messages(key)
    going = [
        (not is_yes, time_ms, other)
        for other, (time_ms, is_yes) in words.items()
        if is_yes or (matters and not _is_about_messages(other))
    ]
    if granted or not going:
        return False
    del words[min(going)[2]]
    return True


def _is_about_messages(key: str) -> bool:
    purpose = key.rpartition("/")[2]
    return purpose in ("", "marketing") or purpose in OBJECTIONS


def agree(row: Row, event: r.ConsentChanged) -> None:
    """Take a consent event; a yes that names a channel opens it again."""
    for key, granted in event.preferences.items():
        say(row, key, granted, event.time_ms)
        channel = key.partition("/")[0]
        if granted and channel:
            say(row, channel + "/", True, event.time_ms)


def unsubscribe(row: Row, medium: str, time_ms: int) -> None:
    """Close a channel."""
    say(row, f"{medium[:MEDIUM_MAX]}/", False, time_ms)


def agree_by_traits(row: Row, event: r.Identified) -> None:
    """Take what traits say of consent; `TRAITS` declares which do."""
    traits = event.traits
    if _names.isdisjoint(traits):
        return
    for name in sorted(_names.intersection(traits)):
        key, means_yes = TRAITS[name]
        granted = _granted(traits[name], means_yes)
        if granted is not None:
            say(row, key, granted, event.time_ms)


def merge_consent(row: Row, other: Row) -> None:
    """Of each word the later one, and of two at one instant the no."""
    for key, (time_ms, granted) in other.consent.items():
        say(row, key, granted, time_ms)


def words_of(row: Row, meanings: Meanings | None = None) -> Words:
    """All words; who unsubscribed before such words were kept is known by the media alone.

    With what the shop's own categories and traits mean, whenever they were heard. A category counts
    as of when it was said. A trait has no time of its own: a no counts as of the latest identify
    call, a yes only where nothing else was ever said of the same.
    """
    messages = row.messages
    words = row.consent
    if messages is not None and messages.unsubscribed:
        words = {**{f"{medium}/": (0, False) for medium in messages.unsubscribed}, **words}
    return words if meanings is None else _with_meanings(row, dict(words), meanings)


def _with_meanings(row: Row, words: Words, meanings: Meanings) -> Words:
    categories, traits = meanings
    for category, keys in categories:
        said = row.consent.get(category)
        if said is not None:
            for key in keys:
                _hear(words, key, said)
                channel = key.partition("/")[0]
                if said[1] and channel:
                    _hear(words, channel + "/", said)
    agreeing: list[str] = []
    for trait, key, means_yes in traits:
        granted = _granted(row.traits.get(trait), means_yes)
        if granted:
            agreeing.append(key)
        elif granted is not None:
            _hear(words, key, (row.traits_ms, False))
    for key in agreeing:
        words.setdefault(key, (0, True))
    return words


def _hear(words: Words, key: str, said: tuple[int, bool]) -> None:
    """The later word counts, of two at one instant the no."""
    known = words.get(key)
    if known is None or said[0] > known[0] or (said[0] == known[0] and not said[1]):
        words[key] = said


def _granted(value: str | int | float | bool | None, means_yes: bool) -> bool | None:
    """What a trait says, whose yes means a yes or a no; None: nothing."""
    text = str(value).strip().casefold()
    if text in _YES:
        return means_yes
    return not means_yes if text in _NO else None


def word(words: Words, channel: str, purpose: str) -> bool | None:
    """What the customer says of a purpose on a channel; None: nothing."""
    general = words.get(f"/{purpose}")
    whole = words.get(f"{channel}/")
    if whole is not None and not whole[1]:
        return False
    own = words.get(f"{channel}/{purpose}")
    if own is None:
        return None if general is None else general[1]
    if own[1] and general is not None and not general[1]:
        return own[0] > general[0]
    return own[1]


def agreed(words: Words, needs: str, default: bool) -> bool:
    """Whether the customer agrees to a purpose, or to `CHANNEL/PURPOSE`.

    Without a channel it is enough to agree on one of them. `default` is for who has said nothing.
    """
    channel, _, purpose = needs.rpartition("/")
    found = word(words, channel, purpose) if channel else _anywhere(words, purpose)
    return (default or purpose in OBJECTIONS) if found is None else found


def _anywhere(words: Words, purpose: str) -> bool | None:
    named = (key.partition("/") for key in words)
    found = {word(words, channel, purpose) for channel, _, of in named if channel and of == purpose}
    if True in found:
        return True
    general = words.get(f"/{purpose}")
    if general is not None:
        return general[1]
    return False if False in found else None


def open_channels(
    words: Words, channels: Iterable[str], purpose: str | None, default: bool
) -> tuple[str, ...]:
    """The channels on which the customer may be addressed for a purpose.

    Without a purpose, as for a note on an order, consent is not asked for; handing data to others
    still is.
    """
    found = tuple(c for c in channels if c not in SOLD or word(words, c, "sale") is not False)
    if purpose is None:
        return found
    if any(word(words, "", also) is False for also in IMPLIED.get(purpose, ())):
        return ()
    return tuple(c for c in found if agreed(words, f"{c}/{purpose}", default))
