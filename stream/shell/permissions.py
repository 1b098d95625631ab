"""Asks the broker at start what this principal may do, so that a worker fails then or never.

Without the right to write to one topic a worker would run until its first record for it, hours
later. A broker tells whoever asks for a topic or a group what is allowed there (KIP-430); aiokafka
has no class for that version of the questions, so they are written down here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    NotCoordinatorForGroupError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.admin import DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataResponse_v5
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from stream.shell.access import Acl, worker_acls
from stream.shell.connection import new_admin
from stream.shell.settings import Settings

_BITS = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
"""Kafka's numbers of operations, which are bits of the answer."""

_NOT_TOLD = -(2**31)
"""The answer of a broker that was not asked, or does not know."""


_COORDINATOR_TRIES = 50
_COORDINATOR_POLL_S = 0.2
_NOT_YET = {
    GroupLoadInProgressError.errno,
    GroupCoordinatorNotAvailableError.errno,
    NotCoordinatorForGroupError.errno,
}


class PermissionsError(RuntimeError):
    """The principal may not do what the worker must; says what, and what to do."""


_PARTITION = Array(
    ("error_code", Int16),
    ("partition", Int32),
    ("leader", Int32),
    ("leader_epoch", Int32),
    ("replicas", Array(Int32)),
    ("isr", Array(Int32)),
    ("offline_replicas", Array(Int32)),
)


_HEAD = tuple(
    zip(MetadataResponse_v5.SCHEMA.names, MetadataResponse_v5.SCHEMA.fields, strict=True)
)[:-1]
"""What comes before the topics has stayed as it was."""


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        *_HEAD,
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                ("partitions", _PARTITION),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _TopicsRequest(Request[_MetadataStruct]):  # type: ignore[misc]
    API_KEY: ClassVar[int] = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, struct: Any) -> Any:
        return struct(self._topics, False, False, True)


class _GroupsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = Schema(("groups", Array(String("utf-8"))), ("include_authorized_operations", Boolean))


class _GroupsRequest(Request[_GroupsStruct]):  # type: ignore[misc]
    API_KEY: ClassVar[int] = 15

    def __init__(self, groups: list[str]) -> None:
        self._groups = groups

    def build(self, struct: Any) -> Any:
        return struct(self._groups, True)


async def require_permissions(settings: Settings) -> None:
    """Refuse to start where the principal may not do all that a worker does.

    A topic that is not there is left to `require_topics`. The right to the transactional ids shows
    when the first of them is used, which is before this. A broker that does not tell (one from
    before Kafka 2.3) is taken at its word later.

    Raises
    ------
    PermissionsError
        Names every entry that is missing.
    """
    acls = worker_acls(settings)
    admin = new_admin(settings)
    await admin.start()
    try:
        topics = await _allowed_topics(admin, {a.name for a in acls if a.resource == "topic"})
        groups = await _allowed_group(admin, settings.group)
    finally:
        await admin.close()
    allowed = {"topic": topics, "group": groups}
    missing = [a for a in acls if not _is_allowed(a, allowed.get(a.resource, {}))]
    if missing:
        raise PermissionsError(
            f"the broker {settings.broker} does not let {settings.security.principal} "
            f"{_in_words(missing)}; `shoal topics plan --offline` prints the ACLs that it needs"
        )


def _is_allowed(acl: Acl, allowed: dict[str, int]) -> bool:
    bits = allowed.get(acl.name, _NOT_TOLD)
    return bits == _NOT_TOLD or bool(bits & 1 << _BITS[acl.operation])


def _in_words(missing: Iterable[Acl]) -> str:
    """The entries by their operation.

    >>> _in_words([Acl("topic", "a", "Read"), Acl("topic", "b", "Read"), Acl("group", "g", "Read")])
    'Read topic a, topic b, group g'
    """
    by_operation: dict[str, list[str]] = {}
    for acl in missing:
        by_operation.setdefault(acl.operation, []).append(f"{acl.resource} {acl.name}")
    return "; ".join(f"{op} {', '.join(names)}" for op, names in by_operation.items())


async def _allowed_topics(admin: Any, names: set[str]) -> dict[str, int]:
    try:
        answer = await admin._send_request(_TopicsRequest(sorted(names)))
    except (IncompatibleBrokerVersion, KafkaError):
        return {}
    return {
        name: 0 if code == TopicAuthorizationFailedError.errno else bits
        for code, name, _, _, bits in answer.topics
        if code in {0, TopicAuthorizationFailedError.errno}
    }


async def _allowed_group(admin: Any, group: str) -> dict[str, int]:
    for _ in range(_COORDINATOR_TRIES):
        try:
            coordinator = await admin.find_coordinator(group)
            answer = await admin._send_request(_GroupsRequest([group]), coordinator)
        except GroupAuthorizationFailedError:
            return {group: 0}
        except (GroupCoordinatorNotAvailableError, KafkaConnectionError):
            # The first one to ask makes the broker's topic of groups.
            await asyncio.sleep(_COORDINATOR_POLL_S)
            continue
        except (IncompatibleBrokerVersion, KafkaError):
            return {}
        code, *_, bits = answer.groups[0]
        if code not in _NOT_YET:
            return {group: 0 if code == GroupAuthorizationFailedError.errno else bits}
        await asyncio.sleep(_COORDINATOR_POLL_S)
    return {}
