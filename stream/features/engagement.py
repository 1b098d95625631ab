"""Messages received, and traits."""

from __future__ import annotations

from stream.features.registry import Feature
from stream.state.fold import MESSAGES

_M = "(0 if row.messages is None else row.messages.{})"

FAMILY: tuple[Feature, ...] = (
    Feature("messages.sent", _M.format("sent"), "count", MESSAGES, "Messages sent."),
    Feature("messages.opened", _M.format("opened"), "count", MESSAGES, "Messages opened."),
    Feature("messages.clicked", _M.format("clicked"), "count", MESSAGES, "Messages clicked."),
    Feature("messages.last_opened", "(None if row.messages is None else "
            "row.messages.last_opened_ms or None)", "instant", MESSAGES,
            "Latest message opened.", nullable=True),
    Feature("messages.unsubscribed", "(0 if row.messages is None else "
            "len(row.messages.unsubscribed))", "count", MESSAGES,
            "Media (email, push, sms) that the customer wants no more messages by."),
)  # fmt: skip
