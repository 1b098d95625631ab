"""Consent as Segment sends it: the event of its consent management, by channel and purpose.

Source: Segment's documentation of consent management. The preferences stand in
`context.consent.categoryPreferences` of the track call `Segment Consent Preference Updated`, by
the categories of the shop's consent tool. A category that is left out says nothing here: to take
silence for a no would withdraw what was agreed to elsewhere.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from stream.events.calls import Call
from stream.events.names import folded
from stream.events.rejection import RejectedEventError

CONSENT_UPDATED: Final = "Segment Consent Preference Updated"

_NAMES: Final = frozenset({folded(CONSENT_UPDATED), folded("Segment Consent Preference")})

PREFERENCES_MAX: Final = 32
"""Categories of one event, in the order sent; a row keeps as many (state/consents.py)."""

CATEGORY_MAX: Final = 64
"""Characters of a category."""

CHANNELS: Final = frozenset(
    {
        *("email", "sms", "push", "phone", "whatsapp", "post"),
        *("app", "store", "onsite", "retargeting", "ads"),
    }
)
"""Channels of messages: a category that names one is about marketing on it."""

_COOKIES: Final = ("retargeting/marketing", "ads/marketing")

CATEGORIES: Final[dict[str, tuple[str, ...]]] = {
    "marketing": ("/marketing",),
    "advertising": _COOKIES,
    "targeting": _COOKIES,
    "c0004": _COOKIES,
    "datasharing": ("/sale",),
    "personalization": ("/profiling",),
    "personalisation": ("/profiling",),
}
"""What usual categories mean. Advertising cookies (OneTrust's C0004) are about advertisements, and
no consent to letters. Every other category is a purpose of its own name."""

_PAIR: Final = re.compile(r"([a-z]+)[/.:_ ]([^/]+)")


def is_consent(name: str) -> bool:
    """Whether an event of this name says what the customer agrees to."""
    return folded(name) in _NAMES


def preferences_of(call: Call) -> tuple[dict[str, bool], bool]:
    """`CHANNEL/PURPOSE` -> yes or no, and whether something was cut.

    Of two categories that mean the same, a no wins. What is neither yes nor no is left out.

    Raises
    ------
    RejectedEventError
        `wrong_type` where the preferences are no object.
    """
    field = "$.context.consent"
    context = call.context
    content = None if context is None else msgspec.json.decode(context.consent)
    consent = _object(content, field)
    preferences = _object(consent.get("categoryPreferences"), f"{field}.categoryPreferences")
    found: dict[str, bool] = {}
    for category, value in list(preferences.items())[:PREFERENCES_MAX]:
        if isinstance(value, bool):
            for key in keys_of(category[:CATEGORY_MAX]):
                found[key] = found.get(key, True) and value
    return found, len(preferences) > PREFERENCES_MAX


def keys_of(category: str) -> tuple[str, ...]:
    """What a category is about, as `CHANNEL/PURPOSE`.

    >>> keys_of("Marketing"), keys_of("email"), keys_of("sms_marketing"), keys_of("Functional")
    (('/marketing',), ('email/marketing',), ('sms/marketing',), ('/functional',))
    """
    word = category.strip().casefold()
    if not word:
        return ()
    if word in CATEGORIES:
        return CATEGORIES[word]
    if word in CHANNELS:
        return (f"{word}/marketing",)
    pair = _PAIR.fullmatch(word)
    if pair is not None and pair[1] in CHANNELS:
        return (f"{pair[1]}/{pair[2]}",)
    return (f"/{word.replace('/', '_')}",)


def _object(content: Any, field: str) -> dict[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise RejectedEventError("wrong_type", field, "Expected `object`")
    return content
