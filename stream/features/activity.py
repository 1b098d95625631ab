"""Visits and activity."""

from __future__ import annotations

from stream.features.registry import Feature
from stream.state.fold import ACTIVITY, PRODUCTS, SESSIONS, VISITS

_S = "(0 if row.sessions is None else row.sessions.{})"

FAMILY: tuple[Feature, ...] = (
    Feature("seen.first", "(row.first_ms or None)", "instant", ACTIVITY,
            "First activity of the customer.", nullable=True),
    Feature("seen.last", "(row.last_ms or None)", "instant", ACTIVITY,
            "Latest activity of the customer.", nullable=True),
    Feature("sessions.count", _S.format("count"), "count", VISITS,
            "Visits, split by 30 minutes of silence."),
    Feature("sessions.pages", _S.format("total_pages"), "count", SESSIONS,
            "Pages seen over all visits."),
    Feature("sessions.searches", _S.format("total_searches"), "count", SESSIONS,
            "Searches over all visits."),
    Feature("sessions.empty_searches", _S.format("empty_searches"), "count", SESSIONS,
            "Searches that found nothing."),
    Feature("sessions.time", _S.format("closed_ms"), "duration", SESSIONS,
            "Time spent in ended visits."),
    Feature("session.pages", _S.format("pages"), "count", SESSIONS,
            "Pages of the latest visit."),
    Feature("products.viewed", _S.format("total_products"), "count", PRODUCTS,
            "Product views over all visits."),
    Feature("products.sold_out_share",
            "(None if row.sessions is None else sold_out_share(row.sessions.stocks))", "ratio",
            PRODUCTS, "Share of the latest 24 products looked at that were out of stock, from 6 "
            "on that said it.", nullable=True),
)  # fmt: skip
