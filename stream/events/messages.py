"""Answers to messages: e-mail, push and SMS events of Segment's specifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stream.events.head import Head
from stream.events.labels import text_label
from stream.events.properties import Campaign, MessageProperties
from stream.events.records import Custom, MessageResponded


def responded(medium: str, action: str) -> Callable[[MessageProperties, Head], MessageResponded]:
    """The builder of one answer; a `medium` in the properties wins, for Unsubscribed has many."""

    def build(message: MessageProperties, head: Head) -> MessageResponded:
        time_ms, message_id, received_ms, _, _ = head
        return MessageResponded(
            time_ms,
            message_id,
            received_ms,
            (),
            None,
            medium if message.medium is None else message.medium.casefold(),
            action,
            _campaign(message),
        )

    return build


def message_sent(message: MessageProperties, head: Head) -> MessageResponded | Custom:
    """A message to the customer, or a line of a chat, which stays activity with a name.

    Segment's specification for copilots calls both by this name; a chat has a conversation.
    """
    if message.conversation_id is None:
        return _SENT(message, head)
    time_ms, message_id, received_ms, channel, _ = head
    return Custom(time_ms, message_id, received_ms, (), channel, "Message Sent")


def campaign_name(campaign: Campaign | str | None) -> str | None:
    """The id of a campaign, else its name, else its source."""
    if campaign is None or isinstance(campaign, str):
        return campaign
    return text_label(campaign.id) or campaign.name or campaign.source


def _campaign(message: MessageProperties) -> str | None:
    if message.campaign_id is not None:
        return text_label(message.campaign_id)
    return message.campaign_name or campaign_name(message.campaign)


_SENT: Final = responded("email", "sent")
