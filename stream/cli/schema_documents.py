"""The JSON Schemas of what goes through the topics, generated from the types that decode it."""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args

import msgspec

from stream.engine.meta import Meta
from stream.events.calls import Call
from stream.events.envelope import EVENT_BYTES_MAX
from stream.events.properties import PageProperties
from stream.events.published import PublishedAction, PublishedChange, PublishedMembership
from stream.events.receipts import PublishedReceipt
from stream.events.records import Record
from stream.events.reference_record import ReferenceRecord
from stream.events.tracked import CANONICAL
from stream.segments.definition import Document
from stream.state.codec import PackedRow
from stream.state.dedupe import MessageIds

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_MESSAGEPACK = " On the topic it is MessagePack of the same shape; bytes are base64 here."

_CALLS = ["track", "page", "screen", "identify", "alias", "group"]


def schemas() -> dict[str, Schema]:
    """File name -> schema."""
    return {
        "events.json": _events(),
        "customer-events.json": _schema(
            Record,
            "A record of the customer log",
            "An array: the tag of its type, then its fields. What Shoal decides by." + _MESSAGEPACK,
        ),
        "customer-row.json": _schema(
            PackedRow,
            "A customer's row",
            "A value of the changelog: an array of its format, the first three of these fields, "
            "and an array of the others, compressed by zstd with a dictionary." + _MESSAGEPACK,
        ),
        "partition-meta.json": _schema(
            Meta,
            "Where a partition stands",
            "A value of the changelog, at the key that no customer can have." + _MESSAGEPACK,
        ),
        "segment-changes.json": _schema(
            PublishedChange, "A customer entered or left a segment", None
        ),
        "actions.json": _schema(
            PublishedAction, "An action for a customer was started or withdrawn", None
        ),
        "memberships.json": _schema(PublishedMembership, "A customer's segments now", None),
        "erasures.json": _schema(PublishedReceipt, "An erasure was done at one id", None),
        "reference.json": _schema(ReferenceRecord, "What is known about a product", None),
        "definitions.json": _definitions(),
    }


def _schema(kind: Any, title: str, description: str | None) -> Schema:
    (schema,), parts = msgspec.json.schema_components(
        [kind], ref_template="#/$defs/{name}", schema_hook=_own_type
    )
    name = schema.get("$ref", "").rpartition("/")[2]
    if name and not _is_used(name, parts):
        # The one type that the document is about stands at its top.
        schema = parts.pop(name)
    document = {"$schema": DIALECT, **_terse(schema), "title": title}
    if description:
        document["description"] = description
    return {**document, **({"$defs": _terse(dict(sorted(parts.items())))} if parts else {})}


def _own_type(kind: type) -> Schema:
    """The schema of a type that msgspec does not know."""
    if kind is not MessageIds:
        raise NotImplementedError
    generation = {"type": "string", "contentEncoding": "base64"}
    return {
        "title": "MessageIds",
        "description": "The old and the young ones, 8 bytes each, least significant byte first.",
        "type": "array",
        "prefixItems": [generation, generation],
        "minItems": 2,
        "maxItems": 2,
        "items": False,
    }


def _terse(node: Any) -> Any:
    """The same schema without what says nothing: null defaults, choices of plain types."""
    if isinstance(node, list):
        return [_terse(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    node = {name: _terse(entry) for name, entry in node.items()}
    if "default" in node and node["default"] is None:
        del node["default"]
    if node.get("required") == []:
        del node["required"]
    choices = node.get("anyOf", [])
    if choices and all(isinstance(choice.get("type"), str) for choice in choices):
        limits = [{k: v for k, v in choice.items() if k != "type"} for choice in choices]
        # A limit binds values of its own type only, so one set of limits serves all choices.
        if sum(map(bool, limits)) <= 1:
            types = [choice["type"] for choice in choices]
            node = {**node, "type": types, **next(filter(None, limits), {})}
            del node["anyOf"]
    return node


def _is_used(name: str, parts: dict[str, Any]) -> bool:
    return f'"#/$defs/{name}"' in msgspec.json.encode(parts).decode()


def _events() -> Schema:
    """Any call of the Segment specification; the properties of a known event by its name.

    What is declared is what Shoal reads. Other fields may be there, and a text that is longer
    than declared is cut, not refused.
    """
    schema = _schema(
        _readable(Call),
        "A call of the Segment specification",
        "What Shoal reads of it; anything else may be there and is passed over. Texts longer than "
        f"declared are cut. At most {EVENT_BYTES_MAX:,} bytes.",
    )
    kinds = {known.decoder.kind for known in CANONICAL.values()} | {PageProperties}
    in_order = sorted(kinds, key=lambda kind: kind.__name__)
    _, parts = msgspec.json.schema_components(in_order, ref_template="#/$defs/{name}")
    schema["$defs"] = dict(sorted({**schema.get("$defs", {}), **_terse(parts)}.items()))
    fields = schema["properties"]
    fields["type"] = {"enum": [*_CALLS, None]}
    for raw in ("properties", "traits"):
        fields[raw] = {"type": ["object", "array", "null"]}
    schema["anyOf"] = [{"required": [name]} for name in ("userId", "anonymousId", "user_id")]
    schema["allOf"] = [
        _when("event", sorted(names), kind.__name__)
        for kind in in_order
        if (names := [name for name, known in CANONICAL.items() if known.decoder.kind is kind])
    ]
    schema["allOf"].append(_when("type", ["page", "screen"], PageProperties.__name__))
    return schema


def _readable(kind: Any) -> Any:
    """The type with every `Raw` field, which has no schema, as an object of any content."""
    if kind is msgspec.Raw:
        return dict[str, Any]
    if isinstance(kind, UnionType):
        return Union[tuple(map(_readable, get_args(kind)))]  # noqa: UP007 - of a computed tuple
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return kind
    fields = msgspec.structs.fields(kind)
    readable = [(field, _readable(field.type)) for field in fields]
    if all(field.type is found for field, found in readable):
        return kind
    declared = [
        (
            field.name,
            found,
            msgspec.field(name=field.encode_name, default_factory=dict)
            if field.type is msgspec.Raw
            else msgspec.field(name=field.encode_name, default=field.default),
        )
        for field, found in readable
    ]
    return msgspec.defstruct(kind.__name__, declared)


def _when(field: str, values: list[str], part: str) -> Schema:
    return {
        "if": {"properties": {field: {"enum": values}}, "required": [field]},
        "then": {"properties": {"properties": {"$ref": f"#/$defs/{part}"}}},
    }


def _definitions() -> Schema:
    """For editors: a document, or its plain list of segments."""
    schema = _schema(Document, "Segment definitions of Shoal", None)
    parts = schema.pop("$defs")
    for name in ("$schema", "title"):
        schema.pop(name)
    parts["Document"] = schema
    return {
        "$schema": DIALECT,
        "title": "Segment definitions of Shoal",
        "anyOf": [
            {"$ref": "#/$defs/Document"},
            {"type": "array", "items": {"$ref": "#/$defs/Definition"}},
        ],
        "$defs": dict(sorted(parts.items())),
    }
