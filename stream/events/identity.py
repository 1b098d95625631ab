"""Whose event it is: the key of the customer, and which other ids are the same person.

The key is userId, else anonymousId, else the first of context.externalIds as `type:id` (customer
number, loyalty card, hashed e-mail or phone), so that the till and the ERP speak of the same
person. All other ids of the call are linked to the key.
"""

from __future__ import annotations

from typing import Final

from stream.events.calls import Call, ExternalId
from stream.events.labels import label
from stream.events.rejection import RejectedEventError

ID_BYTES_MAX: Final = 256
"""UTF-8 bytes of an id; it is a Kafka key and stands in rows, links and paths of 8 ids."""

EXTERNAL_IDS_MAX: Final = 8
"""External ids of one call that are read; each becomes a link, written to its own partition."""

NO_IDS: Final = frozenset(
    {
        "",
        "null",
        "NULL",
        "Null",
        "undefined",
        "none",
        "None",
        "nil",
        "nan",
        "NaN",
        "(null)",
        "[object Object]",
    }
)
"""What clients send when they have no id. Taken for one, it would make one person of thousands."""

_NO_ID_MAX: Final = max(map(len, NO_IDS))
_SHORT: Final = ID_BYTES_MAX // 4  # characters that are within the bound in any script

Links = tuple[tuple[str, str], ...]


def identify(call: Call, is_alias: bool) -> tuple[str, Links]:
    """The key, and links of (id, target id): the row of the id becomes the target's.

    Raises
    ------
    RejectedEventError
        `no_id`, or `bad_id` for one that is too long or begins with a control character.
    """
    user_id = call.user_id_v1 if call.user_id is None else call.user_id
    user = None if user_id is None else checked_id(user_id, "$.userId")
    anonymous_id = call.anonymous_id
    anonymous = None if anonymous_id is None else checked_id(anonymous_id, "$.anonymousId")
    context = call.context
    if is_alias or (context is not None and context.external_ids is not None):
        return _linked(call, is_alias, user, anonymous)
    if user is None:
        if anonymous is None:
            raise RejectedEventError("no_id", "$.userId", "Expected a userId or an anonymousId")
        return anonymous, ()
    if anonymous is None or anonymous == user:
        return user, ()
    return user, ((anonymous, user),)


def checked_id(value: str | float, field: str) -> str | None:
    """The id as text without surrounding blanks, None where the text says that there is none."""
    text = value.strip() if type(value) is str else label(value)
    if len(text) <= _NO_ID_MAX and text in NO_IDS:
        return None
    # Every character up to the blank is a control character; the changelog's own keys begin
    # with NUL.
    if text < "!":
        raise RejectedEventError("bad_id", field, "Expected no control character")
    if len(text) > _SHORT and len(text.encode()) > ID_BYTES_MAX:
        raise RejectedEventError("bad_id", field, f"Expected at most {ID_BYTES_MAX} bytes")
    return text


def _linked(
    call: Call, is_alias: bool, user: str | None, anonymous: str | None
) -> tuple[str, Links]:
    """The key and the links of a call that names other ids than these two."""
    others: tuple[str, ...] = ()
    if call.context is not None and call.context.external_ids is not None:
        others = _external_ids(call.context.external_ids)
    if is_alias and call.previous_id is not None:
        previous = checked_id(call.previous_id, "$.previousId")
        others = others if previous is None else (previous, *others)
    key = anonymous if user is None else user
    if key is None:
        if is_alias or not others:
            raise RejectedEventError("no_id", "$.userId", "Expected a userId or an anonymousId")
        key = others[0]
    elif anonymous is not None:
        others = (anonymous, *others)
    return key, tuple((other, key) for other in dict.fromkeys(others) if other != key)


def _external_ids(external_ids: list[ExternalId]) -> tuple[str, ...]:
    found = []
    for index, external in enumerate(external_ids[:EXTERNAL_IDS_MAX]):
        if external.id is None or not external.type:
            continue
        field = f"$.context.externalIds[{index}].id"
        if checked_id(external.id, field) is not None:
            combined = checked_id(f"{external.type}:{label(external.id).strip()}", field)
            found.append(combined)
    return tuple(one for one in found if one is not None)
