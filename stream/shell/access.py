"""Who needs to be allowed what at the broker: the least for each role, as Kafka's ACLs.

Read and Write imply Describe, so that is not named. Worker and operator also look at the
topics' settings (DescribeConfigs), to refuse those that would lose rows. Nobody but who creates
topics needs anything of the cluster.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stream.events.topics import (
    ACTIONS,
    CHANGES,
    CUSTOMER_EVENTS,
    DEAD_LETTERS,
    DEFINITIONS,
    EVENTS,
    MEMBERSHIPS,
    TOPICS,
    Topic,
)
from stream.shell.settings import Settings

READER_GROUP = "reader-"
"""What names of the groups begin with in which others read the changes, before SHOAL_APP."""

_OPERATIONS = {"read": ("Read",), "write": ("Write",), "both": ("Read", "Write")}


@dataclass(frozen=True, slots=True)
class Acl:
    """One entry: `resource` is topic, group or transactional-id, `pattern` literal or prefixed."""

    resource: str
    name: str
    operation: str
    pattern: str = "literal"


@dataclass(frozen=True, slots=True)
class Role:
    """What works under one principal, and what it must be allowed."""

    name: str
    purpose: str
    acls: tuple[Acl, ...]


def roles(settings: Settings) -> tuple[Role, ...]:
    """Every role of an installation."""
    changes = _topics(settings, (CHANGES, ACTIONS, MEMBERSHIPS), "Read")
    operated = (CUSTOMER_EVENTS, DEAD_LETTERS, DEFINITIONS, EVENTS)
    retrying = tuple(transactional_ids(settings) + name for name in ("dead-letters", "probe"))
    return (
        Role("worker", "shoal worker", worker_acls(settings)),
        Role(
            "reader",
            "connectors and sinks: what Shoal tells, in groups of their own",
            (*changes, Acl("group", f"{READER_GROUP}{settings.app}", "Read", "prefixed")),
        ),
        Role(
            "importer",
            "the shop's own sender, shoal import and shoal simulate",
            _topics(settings, (EVENTS,), "Write"),
        ),
        Role(
            "operator",
            "shoal customer, segments, dead-letters, topics dump and plan: reads all, writes what "
            "they announce or send again",
            (
                *_topics(settings, TOPICS, "Read", "DescribeConfigs"),
                *_topics(settings, operated, "Write"),
                *(Acl("transactional-id", name, "Write") for name in retrying),
            ),
        ),
        Role(
            "creator",
            "shoal topics create",
            _topics(settings, TOPICS, "Create", "Describe", "DescribeConfigs"),
        ),
        Role(
            "rebuilder",
            "shoal rebuild, of this incarnation; it needs those of the former one's worker as well",
            (
                *worker_acls(settings),
                *_topics(settings, (MEMBERSHIPS,), "Read"),
                *_topics(settings, TOPICS, "Create"),
                *_topics(settings, (t for t in TOPICS if t.access == "write"), "Alter"),
            ),
        ),
    )


def worker_acls(settings: Settings) -> tuple[Acl, ...]:
    """What a worker does: nothing works without one of these."""
    topics = [
        Acl("topic", settings.topic(topic.name), operation)
        for topic in TOPICS
        for operation in (*_OPERATIONS[topic.access], "DescribeConfigs")
    ]
    return (
        *topics,
        Acl("group", settings.group, "Read"),
        Acl("transactional-id", transactional_ids(settings), "Write", "prefixed"),
    )


def transactional_ids(settings: Settings) -> str:
    """What the transactional ids of an installation begin with."""
    return f"shoal-{settings.group}-"


def commands(settings: Settings, principal: str, acls: Iterable[Acl]) -> Iterator[str]:
    """The same as commands of Kafka's own tool, one for each set of operations.

    >>> list(commands(Settings(), "User:w", [Acl("group", "shoal", "Read")]))
    ['kafka-acls --bootstrap-server 127.0.0.1:9092 --add --allow-principal User:w --operation Read
    --group shoal']
    """
    operations: dict[tuple[str, str, str], list[str]] = {}
    for acl in acls:
        operations.setdefault((acl.resource, acl.pattern, acl.name), []).append(acl.operation)
    alike: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (resource, pattern, name), found in operations.items():
        alike.setdefault((resource, pattern, tuple(found)), []).append(name)
    for (resource, pattern, allowed), names in alike.items():
        words = ["kafka-acls", "--bootstrap-server", settings.broker, "--add"]
        words += ["--allow-principal", principal]
        for operation in allowed:
            words += ["--operation", operation]
        if pattern != "literal":
            words += ["--resource-pattern-type", pattern]
        for name in names:
            words += [f"--{resource}", name]
        yield shlex.join(words)


def _topics(settings: Settings, topics: Iterable[Topic], *operations: str) -> tuple[Acl, ...]:
    names = [settings.topic(topic.name) for topic in topics]
    return tuple(Acl("topic", name, operation) for name in names for operation in operations)
