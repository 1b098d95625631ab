from __future__ import annotations

from stream.state.messages import MEDIA_MAX
from tests.state.shopping import DAY, START_MS, message, row_after


def test_each_kind_of_response_has_its_count():
    actions = ["sent"] * 5 + ["delivered"] * 4 + ["opened"] * 3 + ["clicked"] * 2 + ["bounced"]
    messages = row_after(*(message(START_MS, action) for action in actions)).messages
    assert (messages.sent, messages.delivered, messages.opened) == (5, 4, 3)
    assert (messages.clicked, messages.bounced, messages.complained) == (2, 1, 0)


def test_the_latest_message_opened_is_not_set_back_by_a_late_one():
    messages = row_after(message(START_MS + DAY, "opened"), message(START_MS, "opened")).messages
    assert messages.last_opened_ms == START_MS + DAY


def test_unsubscribing_and_complaining_take_the_medium_out():
    messages = row_after(
        message(START_MS, "unsubscribed", "push"),
        message(START_MS, "marked_spam", "email"),
        message(START_MS, "unsubscribed", "push"),
    ).messages
    assert messages.unsubscribed == ("email", "push")
    assert messages.complained == 1


def test_media_kept_as_unsubscribed_are_bounded():
    media = [message(START_MS, "unsubscribed", f"m{n:02}") for n in range(MEDIA_MAX + 3)]
    assert len(row_after(*media).messages.unsubscribed) == MEDIA_MAX


def test_a_dismissed_message_changes_no_count():
    messages = row_after(message(START_MS, "dismissed")).messages
    assert (messages.sent, messages.delivered, messages.opened, messages.clicked) == (0, 0, 0, 0)
