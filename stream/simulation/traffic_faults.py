"""What goes wrong between a shop and its collector: late events, retries, broken bytes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from stream.clock import HOUR_MS, MINUTE_MS, SECOND_MS, rfc3339

LATE_MIN_MS = 2 * MINUTE_MS
LATE_MAX_MS = 6 * HOUR_MS
"""A phone without a network; longer absences exist, and are rarer still."""

RETRY_MIN_MS = SECOND_MS
RETRY_MAX_MS = 30 * MINUTE_MS


def draw_late_ms(random: Random) -> int:
    """How long a client kept an event: evenly by magnitude."""
    return int(LATE_MIN_MS * (LATE_MAX_MS / LATE_MIN_MS) ** random.random())


def draw_retry_ms(random: Random) -> int:
    """When a client sent it again because the answer was lost."""
    return int(RETRY_MIN_MS * (RETRY_MAX_MS / RETRY_MIN_MS) ** random.random())


def malform(body: bytes, received_ms: int, random: Random) -> tuple[str, bytes]:
    """A broken event from a good one's beginning.

    Parameters
    ----------
    body
        The event up to the text of its first instant.

    Returns
    -------
    tuple[str, bytes]
        How it is broken, one of `MALFORMATIONS`, and the bytes; none has a line break.
    """
    how = random.choice(MALFORMATIONS)
    return how, _BREAK[how](body, rfc3339(received_ms).encode())


def _close(body: bytes, instant: bytes) -> bytes:
    return b'%b%b","receivedAt":"%b"}' % (body, instant, instant)


def _without_ids(body: bytes, instant: bytes) -> bytes:
    return _close(
        body.replace(b'"userId"', b'"user"').replace(b'"anonymousId"', b'"anon"'), instant
    )


_BREAK: dict[str, Callable[[bytes, bytes], bytes]] = {
    "truncated": lambda body, _: body[: len(body) // 2],
    "not_utf8": lambda body, at: _close(
        body.replace(b'"messageId":"', b'"messageId":"\xff\xfe'), at
    ),
    "not_an_object": lambda body, at: b'["track",%b]' % _close(body, at),
    "wrong_type": lambda body, at: _close(body.replace(b'"type":"', b'"type":7,"kind":"'), at),
    "no_id": _without_ids,
    "nan": lambda body, at: _close(body.replace(b'"integrations":{}', b'"integrations":NaN'), at),
    "no_time": lambda body, _: body + b'soon"}',
    "ancient": lambda body, _: _close(body, b"1970-01-01T00:00:00.000Z"),
    "empty": lambda _body, _at: b"",
}
MALFORMATIONS = tuple(_BREAK)
"""
truncated       the JSON ends in the middle
not_utf8        bytes that are no UTF-8, within the message id
not_an_object   an array
wrong_type      `type` is a number
no_id           neither userId nor anonymousId
nan             a NaN, which JSON does not have
no_time         an instant that is none
ancient         1970, as an unset clock says
empty           no bytes
"""
