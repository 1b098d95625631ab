"""Why a record of the raw topic cannot become an event: the text of a dead letter."""

from __future__ import annotations

from typing import Literal

import msgspec

Reason = Literal[
    "empty",
    "too_large",
    "too_deep",
    "not_json",
    "not_utf8",
    "wrong_type",
    "out_of_range",
    "unknown_type",
    "no_event",
    "no_id",
    "bad_id",
    "time_out_of_range",
    "erasure",
    "erasure_unknown",
    "data_request",
    "shop_redact",
]
"""Codes, stable for metrics and for `shoal dead-letters list`:

empty              no value, or one of length 0 (a tombstone says nothing on a raw topic)
too_large          more than `EVENT_BYTES_MAX` bytes
too_deep           nested deeper than `DEPTH_MAX`
not_json           truncated or malformed
not_utf8           bytes that are no UTF-8, or a lone surrogate, which no UTF-8 can carry
wrong_type         a field of another type than the specification gives it
out_of_range       a number that is NaN, infinite, negative where none may be, or absurdly large
unknown_type       a call other than track, identify, page, screen, group, alias
no_event           a track call without the name of its event
no_id              none of userId, anonymousId, context.externalIds
bad_id             an id that is too long or begins with a control character
time_out_of_range  before `EARLIEST_MS`, or with no arrival to clamp it to after `LATEST_MS`
erasure            no event: a request to erase, which only those carry out who route events
erasure_unknown    a request of a kind that cannot be carried out
data_request       a customer wants a copy of the data: `shoal export` makes it
shop_redact        a whole shop is to be erased, which its operator does
"""


class RejectedEventError(ValueError):
    """The sender's fault, by reason and field; the message holds no value of the payload.

    Attributes
    ----------
    reason : Reason
    field : str
        JSON path from the envelope's root, such as `$.properties.products[2].price`.
    """

    def __init__(self, reason: Reason, field: str, message: str) -> None:
        super().__init__(f"{message} - at `{field}`")
        self.reason: Reason = reason
        self.field = field

    def within(self, parent: str) -> RejectedEventError:
        """The same rejection seen from above: `$.price` within `$.properties`."""
        message = str(self).rpartition(" - at `")[0]
        return RejectedEventError(self.reason, parent + self.field[1:], message)


def of_validation(error: msgspec.ValidationError, parent: str = "$") -> RejectedEventError:
    """The rejection for a typed decode that failed; msgspec names the path in its message."""
    message, found, path = str(error).rpartition(" - at `")
    field = path.rstrip("`") if found else "$"
    reason: Reason = "out_of_range" if "out of range" in message else "wrong_type"
    return RejectedEventError(reason, parent + field[1:], message if found else str(error))
