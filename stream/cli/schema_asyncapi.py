"""The AsyncAPI 3.0 document: which topics there are, what they carry, who writes and reads."""

from __future__ import annotations

from typing import Any

from stream import __version__
from stream.events.topics import (
    ACTIONS,
    CHANGELOG,
    CHANGES,
    CUSTOMER_EVENTS,
    DEAD_LETTERS,
    DEFINITIONS,
    ERASURES,
    EVENTS,
    MEMBERSHIPS,
    REFERENCE,
    TOPICS,
    Topic,
)

MESSAGEPACK = "application/vnd.msgpack"
JSON = "application/json"
CLOUDEVENT = "application/cloudevents+json"

# topic -> (message, content type, schema file, what the key is)
_MESSAGES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    EVENTS.name: (("Event", JSON, "events.json", "any; Shoal takes none into account"),),
    CUSTOMER_EVENTS.name: (
        ("CustomerRecord", MESSAGEPACK, "customer-events.json", "customer id; control: none"),
    ),
    CHANGELOG.name: (
        ("CustomerRow", MESSAGEPACK, "customer-row.json", "customer id"),
        ("PartitionMeta", MESSAGEPACK, "partition-meta.json", "NUL, then `meta`"),
    ),
    CHANGES.name: (("SegmentChange", CLOUDEVENT, "segment-changes.json", "customer id"),),
    ACTIONS.name: (("Action", CLOUDEVENT, "actions.json", "customer id"),),
    MEMBERSHIPS.name: (("Membership", JSON, "memberships.json", "customer id"),),
    ERASURES.name: (("ErasureReceipt", JSON, "erasures.json", "hash of the id, as in the value"),),
    REFERENCE.name: (("Reference", JSON, "reference.json", "`product:ID` or `variant:ID`"),),
    DEFINITIONS.name: (
        ("Definitions", "application/yaml", "definitions.json", "hash of the content"),
    ),
}

DEAD_LETTER_HEADERS = {
    "topic": "topic that the record was read from",
    "partition": "its partition",
    "offset": "its offset",
    "reason": "a code, as in the metric's label",
    "field": "path of the field that is wrong, `$` for the record",
    "stage": "decode or fold",
    "message": "what is wrong, without the payload",
    "run": "incarnation that gave it up; not on letters of older builds",
    "version": "of Shoal",
    "failed-at": "RFC 3339, when it was given up",
}
"""Suffixes of the headers of a dead letter, each with what it says."""

_PREFIX = "__shoal.errors."


def asyncapi() -> dict[str, Any]:
    """The document, all topics with their default names and broker settings."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Shoal",
            "version": __version__,
            "description": "Keeps every customer of a shop in the right segments, from its "
            "event stream. Topic names may carry a prefix (SHOAL_TOPIC_PREFIX).",
        },
        "defaultContentType": JSON,
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(
            operation for topic in TOPICS for operation in _operations(topic).items()
        ),
        "components": {"messages": _messages()},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    binding: dict[str, Any] = {
        "topicConfiguration": _binding_settings(topic.configuration()),
        "bindingVersion": "0.5.0",
    }
    if topic.partitions is not None:
        binding["partitions"] = topic.partitions
    channel: dict[str, Any] = {
        "address": topic.name,
        "description": topic.purpose,
        "bindings": {"kafka": binding},
    }
    names = [message[0] for message in _MESSAGES.get(topic.name, ())]
    if topic is DEAD_LETTERS:
        names = ["DeadLetter"]
    if names:
        refs = {name: {"$ref": f"#/components/messages/{name}"} for name in names}
        channel["messages"] = refs
    return channel


def _binding_settings(configuration: dict[str, str]) -> dict[str, Any]:
    """The settings that the Kafka binding 0.5.0 has a place for, typed as it wants them."""
    known: dict[str, Any] = {"cleanup.policy": [configuration["cleanup.policy"]]}
    for name in ("retention.ms", "delete.retention.ms", "max.message.bytes"):
        if name in configuration:
            known[name] = int(configuration[name])
    return known


def _operations(topic: Topic) -> dict[str, Any]:
    actions = {"read": ("receive",), "write": ("send",), "both": ("receive", "send")}
    return {
        f"{action}-{topic.name}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{topic.name}"},
        }
        for action in actions[topic.access]
    }


def _messages() -> dict[str, Any]:
    messages: dict[str, Any] = {}
    for name, content_type, schema, key in (m for group in _MESSAGES.values() for m in group):
        messages[name] = {
            "contentType": content_type,
            "payload": {
                "schemaFormat": "application/schema+json;version=draft-2020-12",
                "schema": {"$ref": f"./{schema}"},
            },
            "bindings": {"kafka": {"key": {"type": "string", "description": key}}},
        }
    messages["DeadLetter"] = {
        "contentType": "application/octet-stream",
        "description": "The record that could not be applied, key and value untouched.",
        "headers": {
            "type": "object",
            "properties": {
                _PREFIX + suffix: {"type": "string", "description": meaning}
                for suffix, meaning in DEAD_LETTER_HEADERS.items()
            },
            "required": [_PREFIX + suffix for suffix in DEAD_LETTER_HEADERS if suffix != "run"],
        },
    }
    return messages
