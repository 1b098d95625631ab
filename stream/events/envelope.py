"""From a record of the raw topic to what the customer log holds: one call, one typed decode.

The way: limits, envelope, time, whose it is, and by the type of the call its record. Bytes become
typed structs; only traits, and properties of a shop's own events, pass through a dict. What is
wrong is said by `RejectedEventError`, with a reason and the field, and nothing else is ever raised.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec
from xxhash import xxh3_64_intdigest

from stream.clock import InvalidTimeError, instant_ms, rfc3339
from stream.events.calls import EMPTY, STAMPS, Call, decode_call
from stream.events.channels import channel_of
from stream.events.consent import is_consent, preferences_of
from stream.events.decoded import Decoded
from stream.events.erasures import ErasureAskedError, asked, is_erasure
from stream.events.event_time import event_time
from stream.events.field_names import FIELD_NAMES, UNSAID
from stream.events.identity import Links, identify
from stream.events.labels import label
from stream.events.messages import campaign_name
from stream.events.properties import TEXT_MAX, PageProperties
from stream.events.properties_decoder import PropertiesDecoder
from stream.events.records import (
    ConsentChanged,
    Custom,
    CustomerEvent,
    Identified,
    PageViewed,
)
from stream.events.reference import ReferenceBook
from stream.events.rejection import RejectedEventError, of_validation
from stream.events.tracked import TRACKED, tracked
from stream.events.traits import own_properties, traits_of

__all__ = ["DEPTH_MAX", "EVENT_BYTES_MAX", "Reading", "RejectedEventError", "decode", "read"]

EVENT_BYTES_MAX: Final = 32 * 1024
"""Bytes of one raw event: Segment's own limit."""

DEPTH_MAX: Final = 750
"""Levels of nesting. Skipping a value recurses in the JSON decoder, which stops where the
interpreter's 1000 frames end; a bound below that keeps the outcome apart from the caller's depth.
An event of less than two bytes a level cannot be deeper, which spares most of them the count."""

HISTORY_ENDS: Final = "history_ends"
"""Type of the marker that `shoal import` writes after the last event of a history."""


Reading = tuple[str, CustomerEvent | None, int, int, Links, bool, bool, bool, bool]
"""The parts of a `Decoded` in its order, for routing, which reads each of them once."""


def decode(value: bytes | None, broker_ms: int, reference: ReferenceBook | None) -> Decoded:
    """What `read` finds, with names, for those who keep it."""
    return Decoded(*read(value, broker_ms, reference))


def read(value: bytes | None, broker_ms: int, reference: ReferenceBook | None) -> Reading:
    """What one record of the raw topic says of a customer.

    Parameters
    ----------
    value : bytes or None
        One call as JSON, at most `EVENT_BYTES_MAX` bytes.
    broker_ms : int
        When the broker appended it; before `EARLIEST_MS` (0, or Kafka's -1) where no broker did.
    reference : ReferenceBook or None
        Fills in what the event does not say of its products.

    Raises
    ------
    RejectedEventError
        For every input that is no call; the cause is the sender's.
    """
    if not value:
        raise RejectedEventError("empty", "$", "Expected a value")
    if len(value) > 2 * DEPTH_MAX:
        _check_limits(value)
    try:
        return _read(value, broker_ms, reference)
    except RejectedEventError as rejection:
        if rejection.reason in _PERHAPS_ERASURE:
            _raise_erasure(value, broker_ms)
        raise
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise RejectedEventError("not_utf8", "$", "Expected UTF-8") from None
    except msgspec.DecodeError as error:
        raise _malformed(value, error) from None


def _read(value: bytes, broker_ms: int, reference: ReferenceBook | None) -> Reading:
    try:
        call = decode_call(value)
    except msgspec.ValidationError as error:
        call = _call_leniently(value, error)
    kind = call.type
    if kind is None:
        kind = call.action
    if kind == HISTORY_ENDS:
        return "", None, broker_ms, broker_ms, (), False, False, False, True
    key, links = identify(call, kind == "alias")
    time_ms, received_ms, skew_corrected, clamped = event_time(call, broker_ms)
    message_id = call.message_id
    if isinstance(message_id, str) and message_id:
        digest = xxh3_64_intdigest(message_id.encode())
    else:
        digest = xxh3_64_intdigest(label(message_id).encode() if message_id else value)
    record: CustomerEvent | None = None
    cut = False
    if kind == "track":
        record, cut = _track(call, time_ms, digest, received_ms, reference)
    elif kind == "page":
        record, cut = _page(call, time_ms, digest, received_ms, None)
    elif kind == "screen":  # it is seen in an app, unless the call says otherwise
        record, cut = _page(call, time_ms, digest, received_ms, "app")
    elif kind == "identify":
        record, cut = _identify(call, time_ms, digest, received_ms)
    elif kind not in _LINK_ONLY:
        raise RejectedEventError("unknown_type", "$.type", "Expected a type of the specification")
    return key, record, time_ms, received_ms, links, skew_corrected, clamped, cut, False


def _track(
    call: Call, time_ms: int, digest: int, received_ms: int, reference: ReferenceBook | None
) -> tuple[CustomerEvent, bool]:
    name = call.event
    if not name:
        raise RejectedEventError("no_event", "$.event", "Expected the name of an event")
    known = TRACKED.get(name) or tracked(name)
    if known is None:
        channel = channel_of(None, call)
        if is_erasure(name):
            raise RejectedEventError("erasure", "$.event", "Expected an event")
        if is_consent(name):
            preferences, cut = preferences_of(call)
            head = (time_ms, digest, received_ms)
            return ConsentChanged(*head, channel=channel, preferences=preferences), cut
        own, is_cut = own_properties(call.properties)
        custom = Custom(time_ms, digest, received_ms, (), channel, name[:TEXT_MAX], own)
        return custom, is_cut or len(name) > TEXT_MAX
    decoder, build = known
    cut = False
    try:
        properties = decoder.decode(call.properties)
    except msgspec.ValidationError as error:
        properties, cut = decoder.decode_leniently(call.properties, error)
    channel = channel_of(properties.channel, call)
    try:
        return build(properties, (time_ms, digest, received_ms, channel, reference)), cut
    except RejectedEventError as rejection:
        raise rejection.within("$.properties") from None


def _page(
    call: Call, time_ms: int, digest: int, received_ms: int, usual_channel: str | None
) -> tuple[CustomerEvent, bool]:
    """A page or a screen by its name, with its category where there is one, else by its path."""
    cut = False
    try:
        properties = _PAGE.decode(call.properties)
    except msgspec.ValidationError as error:
        properties, cut = _PAGE.decode_leniently(call.properties, error)
    name = call.name or properties.path or properties.title
    if name and call.category:
        name = f"{call.category} {name}"
    if name and len(name) > TEXT_MAX:
        name, cut = name[:TEXT_MAX], True
    channel = channel_of(properties.channel, call)
    if channel is None:
        channel = usual_channel
    campaign = None if call.context is None else campaign_name(call.context.campaign)
    return PageViewed(time_ms, digest, received_ms, (), channel, name or None, campaign), cut


def _identify(
    call: Call, time_ms: int, digest: int, received_ms: int
) -> tuple[CustomerEvent, bool]:
    """RudderStack keeps the traits in the context, Segment in the call."""
    raw, field = call.traits, "$.traits"
    if raw == EMPTY and call.context is not None:
        raw, field = call.context.traits, "$.context.traits"
    traits, cut = traits_of(raw, field)
    channel = channel_of(None, call)
    return Identified(time_ms, digest, received_ms, (), channel, traits), cut


_PAGE: Final = PropertiesDecoder(PageProperties)
_LINK_ONLY: Final = frozenset(
    {"alias", "group"}
)  # who is who, and of which company: no act of theirs
_PERHAPS_ERASURE: Final = frozenset({"no_id", "unknown_type", "erasure"})
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_LONE: Final = re.compile(r"[\ud800-\udfff]")


def _raise_erasure(value: bytes, broker_ms: int) -> None:
    """Say so where the record asks for an erasure: of all up to when it came."""
    found = asked(value)
    if found is None:
        return
    time_ms, received_ms, _, _ = event_time(decode_call(value), broker_ms)
    raise ErasureAskedError(*found, max(time_ms, broker_ms), received_ms)


def _check_limits(value: bytes) -> None:
    if len(value) > EVENT_BYTES_MAX:
        message = f"Expected at most {EVENT_BYTES_MAX} bytes, got {len(value)}"
        raise RejectedEventError("too_large", "$", message)
    if value.count(b"{") + value.count(b"[") <= DEPTH_MAX:
        return
    depth = 0
    for byte in _STRING.sub(b"", value):
        if byte in b"{[":
            depth += 1
            if depth > DEPTH_MAX:
                raise _too_deep()
        elif byte in b"}]":
            depth -= 1


def _too_deep() -> RejectedEventError:
    return RejectedEventError("too_deep", "$", f"Expected at most {DEPTH_MAX} levels")


def _call_leniently(value: bytes, error: msgspec.ValidationError) -> Call:
    """The call after the typed decode's `error`, if what is wrong with it does not matter.

    PHP writes an empty object as an empty array; a library or a campaign that is none is worth no
    dead letter; a time may be blank, or ISO 8601 beyond RFC 3339. What is wrong after that is
    raised.
    """
    try:
        content = msgspec.json.decode(value)
    except msgspec.ValidationError:
        raise of_validation(error) from None
    if not isinstance(content, dict):
        raise of_validation(error)
    context = content.get("context")
    if context == []:
        del content["context"]
    elif isinstance(context, dict):
        library = context.pop("library", None)
        if isinstance(library, dict) and isinstance(library.get("name"), str):
            context["library"] = {"name": library["name"]}
        campaign = context.pop("campaign", None)
        if isinstance(campaign, dict):
            context["campaign"] = _scalars(campaign)
    for name in STAMPS:
        text = content.get(name)
        if isinstance(text, str):
            content[name] = _spelled(text.strip(), name)
    try:
        return decode_call(msgspec.json.encode(content))
    except msgspec.ValidationError as again:
        raise of_validation(again) from None


def _scalars(campaign: dict[str, Any]) -> dict[str, str | int]:
    """What of a campaign is text or a whole number, at its longest."""
    return {
        name: value[:TEXT_MAX] if isinstance(value, str) else value
        for name, value in campaign.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    }


def _spelled(text: str, name: str) -> str | None:
    """The RFC 3339 spelling of a time; blank is none."""
    try:
        return rfc3339(instant_ms(text)) if text else None
    except (InvalidTimeError, OverflowError):
        message = "Expected an RFC 3339 time"
        raise RejectedEventError("wrong_type", f"$.{name}", message) from None


def _malformed(value: bytes, error: msgspec.DecodeError) -> RejectedEventError:
    """Not JSON, or JSON with a lone surrogate, which the standard library can read and name."""
    try:
        content = json.loads(value)
    except (ValueError, RecursionError):
        return RejectedEventError("not_json", "$", str(error))
    field = _lone_surrogate(content, "$")
    if field is None:
        return RejectedEventError("not_json", "$", str(error))
    return RejectedEventError("not_utf8", field, "Expected no lone surrogate")


def _lone_surrogate(content: Any, path: str) -> str | None:
    """Path of the first text that no UTF-8 can carry."""
    waiting = [(path, content)]
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, str) and _LONE.search(found):
            return path
        if isinstance(found, dict):
            if any(_LONE.search(name) for name in found):
                return path
            for name, inner in found.items():
                said = f".{name}" if name in FIELD_NAMES else UNSAID
                waiting.append((path + said, inner))
        elif isinstance(found, list):
            waiting.extend((f"{path}[{index}]", inner) for index, inner in enumerate(found))
    return None
