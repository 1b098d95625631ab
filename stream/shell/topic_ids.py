"""The broker's own id of each topic: one that was deleted and made anew has another.

Kafka tells them since 2.8, in version 10 of its metadata, which this client does not ask for: the
request and the answer stand here as KIP-516 has them.
"""

# The client's classes are Any to a strict reader (see pyproject.toml).
# mypy: disable-error-code="misc"

from __future__ import annotations

import uuid
from io import BytesIO
from typing import Any, ClassVar

from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from stream.shell.connection import new_admin
from stream.shell.settings import Settings

ALL_TOPICS = None


class _Uuid:
    """16 bytes."""

    @staticmethod
    def encode(value: bytes) -> bytes:
        return value

    @staticmethod
    def decode(data: BytesIO) -> bytes:
        return data.read(16)

    @staticmethod
    def repr(value: bytes) -> str:
        return repr(value)


_PARTITION = (
    ("error_code", Int16),
    ("partition", Int32),
    ("leader", Int32),
    ("leader_epoch", Int32),
    ("replicas", CompactArray(Int32)),
    ("isr", CompactArray(Int32)),
    ("offline_replicas", CompactArray(Int32)),
    ("tags", TaggedFields),
)
_TOPIC = (
    ("error_code", Int16),
    ("topic", CompactString("utf-8")),
    ("topic_id", _Uuid),
    ("is_internal", Boolean),
    ("partitions", CompactArray(*_PARTITION)),
    ("authorized_operations", Int32),
    ("tags", TaggedFields),
)
_BROKER = (
    ("node_id", Int32),
    ("host", CompactString("utf-8")),
    ("port", Int32),
    ("rack", CompactString("utf-8")),
    ("tags", TaggedFields),
)


class _Answer(Response):
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(*_BROKER)),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        ("topics", CompactArray(*_TOPIC)),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _Question(RequestStruct):
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Metadata(Request[_Question]):
    API_KEY: ClassVar[int] = 3

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(ALL_TOPICS, False, False, False, {})


async def topic_ids(settings: Settings) -> dict[str, str]:
    """The id of every topic that may be seen; nothing where the broker tells none.

    Raises
    ------
    KafkaError
        It does not answer now: that is no word on whether it has ids.
    """
    admin = new_admin(settings)
    await admin.start()
    try:
        answer = await admin._send_request(_Metadata())
    except (KafkaError, NotImplementedError) as error:
        if isinstance(error, KafkaError) and error.retriable:
            raise
        # An older broker, or the embedded one.
        return {}
    finally:
        await admin.close()
    return {
        topic[1]: str(uuid.UUID(bytes=topic[2])) for topic in answer.topics if topic[1] is not None
    }
