"""What asks for an erasure on the raw topic: in the spellings of those who send such things.

- Segment: the call `type: delete` that destinations get, and regulations (`regulationType` with
  `subjectIds`); RudderStack's with `users`;
- track calls `User Deleted`, `User Suppressed` and `User Unsuppressed`;
- Shopify's mandatory webhooks `customers/redact`, `customers/data_request` and `shop/redact`, which
  their fields tell, as they are or as `payload` of an envelope with the topic.

Nobody else's events come here: it is asked for a record that is otherwise no call, or has one of
these names. Whatever it is, the id is the one that the shop's events have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from stream.events.identity import checked_id
from stream.events.names import folded
from stream.events.rejection import RejectedEventError

Kind = Literal["forget", "suppress", "lift"]

IDS_MAX: Final = 5_000
"""Ids of one request: as many as a regulation may name. Each becomes a record of its own."""

_EVENTS: Final[dict[str, Kind]] = {
    "user deleted": "forget",
    "user suppressed": "suppress",
    "user unsuppressed": "lift",
}

_REGULATIONS: Final[dict[str, Kind]] = {
    "delete": "forget",
    "delete_internal": "forget",
    "delete_only": "forget",
    "suppress_with_delete": "suppress",
    "suppress_with_delete_internal": "suppress",
    "unsuppress": "lift",
}


class ErasureAskedError(RejectedEventError):
    """The record is no event: it asks for an erasure.

    Who looks at events leaves it out by this; who routes them writes the erasure.

    Attributes
    ----------
    kind : Kind
        forget: up to now; suppress: from now on as well; lift: no longer suppressed.
    ids : tuple of str
        Whom it is about; ids that nobody has are as good as any.
    time_ms, received_ms : int
        It is about all that happened up to then.
    """

    def __init__(self, kind: Kind, ids: tuple[str, ...], time_ms: int, received_ms: int) -> None:
        super().__init__("erasure", "$", "Expected an event, not a request to erase")
        self.kind: Kind = kind
        self.ids = ids
        self.time_ms = time_ms
        self.received_ms = received_ms


def is_erasure(name: str) -> bool:
    """Whether a track call of this name asks for one."""
    return folded(name) in _EVENTS


def asked(value: bytes) -> tuple[Kind, tuple[str, ...]] | None:
    """What a record asks for, and for whom; None where it is something else.

    Raises
    ------
    RejectedEventError
        For what must be answered by people, and for one that names nobody.
    """
    try:
        said = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    found = _of_call(said) or _of_regulation(said) or _of_webhook(said)
    if found is None:
        return None
    kind, names = found
    ids = tuple(dict.fromkeys(names))[:IDS_MAX]
    if not ids:
        raise RejectedEventError("no_id", "$", "Expected the ids of whom to erase")
    return kind, ids


def _of_call(said: dict[str, Any]) -> tuple[Kind, Iterator[str]] | None:
    kind: Kind | None = None
    if said.get("type") == "delete":
        kind = "forget"
    elif isinstance(said.get("event"), str):
        kind = _EVENTS.get(folded(said["event"]))
    if kind is None:
        return None
    return kind, _ids((said.get("userId"), "$.userId"), (said.get("anonymousId"), "$.anonymousId"))


def _of_regulation(said: dict[str, Any]) -> tuple[Kind, Iterator[str]] | None:
    regulation = said.get("regulationType", said.get("regulation_type"))
    if not isinstance(regulation, str):
        return None
    kind = _REGULATIONS.get(regulation.casefold().replace("-", "_"))
    if kind is None:
        message = (
            "Expected a regulation that deletes or lifts: ids can be refused after erasure only"
        )
        raise RejectedEventError("erasure_unknown", "$.regulationType", message)
    subjects = said.get("subjectIds", said.get("subject_ids"))
    if isinstance(subjects, list):
        return kind, _ids(*((one, "$.subjectIds") for one in subjects))
    users = said.get("users", said.get("attributes"))
    if isinstance(users, dict):  # an older form: {"name": "userId", "values": [...]}
        users = users.get("values")
    if not isinstance(users, list):
        return kind, iter(())
    ids = [one.get("userId") if isinstance(one, dict) else one for one in users]
    return kind, _ids(*((one, "$.users") for one in ids))


def _of_webhook(said: dict[str, Any]) -> tuple[Kind, Iterator[str]] | None:
    for name in ("payload", "properties", "body"):
        if isinstance(said.get(name), dict) and "shop_domain" in said[name]:
            said = said[name]
    if "shop_domain" not in said:
        return None
    if "data_request" in said or "orders_requested" in said:
        message = "Expected no request for a copy of data: answer it with `shoal export`"
        raise RejectedEventError("data_request", "$.data_request", message)
    customer = said.get("customer")
    if not isinstance(customer, dict):
        message = "Expected no request to erase a whole shop: delete its topics"
        raise RejectedEventError("shop_redact", "$.shop_domain", message)
    if "orders_to_redact" not in said:
        return None
    named = [(customer.get("id"), "$.customer.id")]
    for name in ("email", "phone"):
        contact = customer.get(name)
        if isinstance(contact, str) and contact:
            named.append((f"{name}:{contact}", f"$.customer.{name}"))
    return "forget", _ids(*named)


def _ids(*named: tuple[Any, str]) -> Iterator[str]:
    for value, field in named:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            found = checked_id(value, field)
            if found is not None:
                yield found
