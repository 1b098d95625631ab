"""All features by name: the registry that conditions are checked against."""

from __future__ import annotations

from stream.features import activity, engagement, intent, purchases
from stream.features.registry import Feature, by_name

FEATURES: dict[str, Feature] = by_name(
    (activity.FAMILY, intent.FAMILY, purchases.FAMILY, engagement.FAMILY)
)

FUNCTIONS = {
    "rhythm": purchases.rhythm,
    "return_rate": purchases.return_rate,
    "discount_share": purchases.discount_share,
}
"""Names that a feature's code may call."""
