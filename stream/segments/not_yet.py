"""What is asked for and not yet there, with the reason: refused by name, never made up."""

from __future__ import annotations

from difflib import get_close_matches

NOT_YET: dict[str, str] = {
    "likely_to_convert": "it needs a learned propensity to buy, which no model here gives yet; "
    "high_intent is the rule for it",
    "lookalike": "it needs a learned likeness to a segment's members, bounded by predicted returns",
    "lifetime.alive": "it needs the lifetime model's P(alive); at_risk and lapsed go by the "
    "customer's own rhythm",
    "lifetime.next_order": "it needs the lifetime model's expected next order; miss_you_due goes "
    "by the customer's own rhythm",
    "lifetime.value": "it needs the lifetime model's value; orders.net_revenue is what was earned",
    "back_in_stock": "it needs a customer's event when a product can be sent again: stock comes as "
    "reference data, which is no event of anybody",
}
"""Name of a segment or feature -> why there is none."""


def why_not_yet(name: str) -> str | None:
    """The reason for a name, or for the family of a name; None for what is not on the list.

    >>> why_not_yet("lookalike:loyal").partition(":")[0], why_not_yet("loyal")
    ('lookalike', None)
    """
    found = NOT_YET.get(name) or NOT_YET.get(name.partition(":")[0])
    if found is None and name.startswith("lifetime."):
        near = get_close_matches(name, NOT_YET, 1, 0.5)
        found = NOT_YET[near[0]] if near else NOT_YET["lifetime.value"]
    return None if found is None else f"{name} is not yet available: {found}"
