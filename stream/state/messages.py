"""Messages sent to the customer, and how they were received."""

from __future__ import annotations

from stream.events.records import MessageResponded
from stream.state.consents import unsubscribe
from stream.state.row import Row
from stream.state.row_parts import Messages
from stream.state.shed import shed

MEDIA_MAX = 8
"""Media (email, push, sms, ...) kept as unsubscribed."""


def respond(row: Row, event: MessageResponded) -> None:
    messages = row.messages
    if messages is None:
        messages = row.messages = Messages()
    match event.action:
        case "sent":
            messages.sent += 1
            messages.last_sent_ms = max(messages.last_sent_ms, event.time_ms)
        case "delivered":
            messages.delivered += 1
        case "opened":
            messages.opened += 1
            messages.last_opened_ms = max(messages.last_opened_ms, event.time_ms)
        case "clicked":
            messages.clicked += 1
        case "bounced":
            messages.bounced += 1
        case "marked_spam":
            messages.complained += 1
            _unsubscribe(messages, event.medium)
            unsubscribe(row, event.medium, event.time_ms)
        case "unsubscribed":
            _unsubscribe(messages, event.medium)
            unsubscribe(row, event.medium, event.time_ms)
        case _:
            pass


def _unsubscribe(messages: Messages, medium: str) -> None:
    if medium in messages.unsubscribed:
        return
    if len(messages.unsubscribed) >= MEDIA_MAX:
        shed("media")
        return
    messages.unsubscribed = tuple(sorted((*messages.unsubscribed, medium)))


def merge_messages(row: Row, other: Row) -> None:
    mine, theirs = row.messages, other.messages
    if theirs is None:
        return
    if mine is None:
        row.messages = theirs
        return
    mine.sent += theirs.sent
    mine.delivered += theirs.delivered
    mine.opened += theirs.opened
    mine.clicked += theirs.clicked
    mine.bounced += theirs.bounced
    mine.complained += theirs.complained
    mine.last_sent_ms = max(mine.last_sent_ms, theirs.last_sent_ms)
    mine.last_opened_ms = max(mine.last_opened_ms, theirs.last_opened_ms)
    for medium in theirs.unsubscribed:
        _unsubscribe(mine, medium)
