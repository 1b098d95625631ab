"""All features by name: the registry that conditions are checked against."""

from __future__ import annotations

from stream.features import activity, engagement, intent, purchases, style, traits
from stream.features.registry import Feature, by_name
from stream.state import windows
from stream.state.consents import agreed, words_of
from stream.state.stocks import sold_out_share

FEATURES: dict[str, Feature] = by_name(
    (activity.FAMILY, intent.FAMILY, purchases.FAMILY, style.FAMILY, engagement.FAMILY)
)

FUNCTIONS = {
    "rhythm": purchases.rhythm,
    "return_rate": purchases.return_rate,
    "discount_share": purchases.discount_share,
    "full_price_share": purchases.full_price_share,
    "usual_look": style.usual_look,
    "sold_out_share": sold_out_share,
    "number_trait": traits.number_trait,
    "text_trait": traits.text_trait,
    "flag_trait": traits.flag_trait,
    "agreed": agreed,
    "words_of": words_of,
    "count_of": windows.count_of,
    "total_of": windows.total_of,
    "first_ms_of": windows.first_ms_of,
    "last_ms_of": windows.last_ms_of,
    "first_of": windows.first_of,
    "last_of": windows.last_of,
    "count_within": windows.count_within,
    "total_within": windows.total_within,
    "turns_ms": windows.turns_ms,
    "falls_ms": windows.falls_ms,
    "distinct_falls_ms": windows.distinct_falls_ms,
    "distinct_of": windows.distinct_of,
    "distinct_turns_ms": windows.distinct_turns_ms,
    "done_ms_of": windows.done_ms_of,
    "lapsed_ms_of": windows.lapsed_ms_of,
    "has_waited": windows.has_waited,
    "waits_until_ms": windows.waits_until_ms,
    "whole_ms": windows.whole_ms,
}
"""Names that a feature's code may call."""
