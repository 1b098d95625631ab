"""When an event happened, by the clocks of the client, the collector and the broker.

Segment's rule corrects the client's clock by how wrong it was when it sent:
`timestamp = receivedAt - (sentAt - originalTimestamp)`. Where one of these is missing, it is
timestamp, else originalTimestamp, else receivedAt, else the broker's time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from stream.clock import DAY_MS, EARLIEST_MS, FUTURE_TOLERANCE_MS, SECOND_MS, rfc3339
from stream.events.rejection import RejectedEventError

LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01. An event after it is rejected where nothing tells when it arrived."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SECOND: Final = timedelta(seconds=1)
_NONE: Final = timedelta(0)


class Stamps(Protocol):
    """The times of an envelope; one without an offset is UTC."""

    timestamp: datetime | None
    original_timestamp: datetime | None
    sent_at: datetime | None
    received_at: datetime | None


EventTime = tuple[int, int, bool, bool]
"""time_ms, received_ms, whether the client's clock was corrected by more than one second, and
whether the event came from the future and got the time of its arrival."""


def event_time(stamps: Stamps, broker_ms: int) -> EventTime:
    """The time of an event that the broker took at `broker_ms`.

    A `broker_ms` before `EARLIEST_MS`, such as Kafka's -1 or the 0 of a file, is none: then the
    event arrived when the collector received it. Without that as well nothing can be clamped.

    Raises
    ------
    RejectedEventError
        `time_out_of_range`.
    """
    received = stamps.received_at
    sent = stamps.sent_at
    original = stamps.original_timestamp
    if received is None or sent is None or original is None:
        return _bounded(_read(stamps), broker_ms)
    # The bulk of all events. A timedelta divided by a millisecond would say the same, with big
    # integers: a tenth of the instructions that an event takes (tests/bench/test_decode.py).
    try:
        since_epoch = received - _EPOCH
        lead = sent - original
        skew = received - sent
    except TypeError:  # some have an offset, others have none
        return _bounded(_read(stamps), broker_ms)
    received_ms = (
        since_epoch.days * DAY_MS
        + since_epoch.seconds * SECOND_MS
        + since_epoch.microseconds // 1000
    )
    if _NONE <= lead < _SECOND:
        time_ms = received_ms - lead.microseconds // 1000
    elif not lead.days:
        time_ms = received_ms - lead.seconds * SECOND_MS - lead.microseconds // 1000
    else:
        time_ms = received_ms - lead // _MILLISECOND
    skew_ms = 0 if _NONE <= skew < _SECOND else skew // _MILLISECOND
    if EARLIEST_MS <= time_ms <= received_ms < LATEST_MS and (
        received_ms <= broker_ms or broker_ms < EARLIEST_MS
    ):
        return time_ms, received_ms, not -SECOND_MS <= skew_ms <= SECOND_MS, False
    return _bounded((received_ms, time_ms, skew_ms, "$.originalTimestamp"), broker_ms)


_Read = tuple[int | None, int | None, int, str]


def _bounded(read: _Read, broker_ms: int) -> EventTime:
    """What was read, within the bounds of what can be."""
    received_ms, client_ms, skew_ms, field = read
    arrived_ms = broker_ms if broker_ms >= EARLIEST_MS else received_ms
    if client_ms is None:
        client_ms = arrived_ms
    if client_ms is None or client_ms < EARLIEST_MS:
        message = f"Expected a time of {rfc3339(EARLIEST_MS)} or later"
        raise RejectedEventError("time_out_of_range", field, message)
    if arrived_ms is None:
        arrived_ms = client_ms
    latest_ms = arrived_ms + FUTURE_TOLERANCE_MS
    is_clamped = client_ms > latest_ms
    if is_clamped:
        client_ms = arrived_ms
    if client_ms > LATEST_MS:
        raise RejectedEventError("time_out_of_range", field, "Expected a time before 2100")
    if received_ms is None or not EARLIEST_MS <= received_ms <= latest_ms:
        received_ms = arrived_ms
    return client_ms, received_ms, not -SECOND_MS <= skew_ms <= SECOND_MS, is_clamped


def _read(stamps: Stamps) -> _Read:
    """When it was received, when it happened by the client, the correction, and the field."""
    received_ms = _instant_ms(stamps.received_at)
    sent_ms = _instant_ms(stamps.sent_at)
    original_ms = _instant_ms(stamps.original_timestamp)
    if received_ms is not None and sent_ms is not None and original_ms is not None:
        skew_ms = received_ms - sent_ms
        return received_ms, original_ms + skew_ms, skew_ms, "$.originalTimestamp"
    time_ms = _instant_ms(stamps.timestamp)
    if time_ms is not None:
        return received_ms, time_ms, 0, "$.timestamp"
    if original_ms is not None:
        return received_ms, original_ms, 0, "$.originalTimestamp"
    return received_ms, received_ms, 0, "$.timestamp" if received_ms is None else "$.receivedAt"


def _instant_ms(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND
