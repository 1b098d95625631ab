"""Creates the topics, and checks that those that are there are what Shoal needs."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from stream.events.topics import CHANGELOG, FIRST_RUN, TOPICS, Topic
from stream.shell.connection import new_admin
from stream.shell.security import ANONYMOUS
from stream.shell.settings import Settings

REPLICATION_WANTED = 3
"""Replicas where the cluster has so many brokers: one may fail without loss or pause."""

VISIBLE_TIMEOUT_S = 30.0
VISIBLE_POLL_S = 0.05

DECIDING_SETTINGS = ("message.timestamp.type", "cleanup.policy")
"""What must be as the registry says; the rest is the operator's to tune."""


class TopicsError(RuntimeError):
    """The topics are not as they must be; says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One topic on the broker: `problem` None where all is well, and whether it is missing."""

    topic: Topic
    name: str
    partitions: int
    is_missing: bool
    problem: str | None


async def inspect_topics(settings: Settings) -> list[Finding]:
    """Every registered topic as the broker has it."""
    admin = new_admin(settings)
    await admin.start()
    try:
        present = await _partition_counts(admin)
        configs = await _configurations(
            admin, [n for t in TOPICS if (n := settings.topic(t.name)) in present]
        )
        return [_finding(settings, topic, present, configs) for topic in TOPICS]
    finally:
        await admin.close()


async def partition_counts(settings: Settings) -> dict[str, int]:
    """The topics of the broker, the shop's own too, each with how many partitions it has."""
    admin = new_admin(settings)
    await admin.start()
    try:
        return await _partition_counts(admin)
    finally:
        await admin.close()


async def create_topics(settings: Settings, *, beside: bool = False) -> list[str]:
    """Create the topics that are missing; their names.

    Raises
    ------
    TopicsError
        They cannot be created, or another run's are there and this one was not begun `beside` it:
        both would tell changes.
    """
    missing = [f for f in await inspect_topics(settings) if f.is_missing]
    if not beside and CHANGELOG in {f.topic for f in missing}:
        await _refuse_second_run(settings)
    admin = new_admin(settings)
    await admin.start()
    try:
        brokers = len((await admin.describe_cluster())["brokers"])
        replication = settings.replication or min(REPLICATION_WANTED, brokers)
        wanted = [
            NewTopic(
                finding.name, finding.partitions, replication,
                topic_configs=_configuration(settings, finding.topic, replication),
            )
            for finding in missing
        ]  # fmt: skip
        if wanted:
            answer = await admin.create_topics(wanted)
            _raise_errors(answer)
            await _until_present(admin, {topic.name for topic in wanted})
    finally:
        await admin.close()
    return [finding.name for finding in missing]


async def grow_told_topics(settings: Settings) -> list[str]:
    """Give the topics that are only written to as many partitions as the settings say."""
    present = await partition_counts(settings)
    wanted = {
        settings.topic(topic.name): NewPartitions(total_count=settings.partitions)
        for topic in TOPICS
        if topic.access == "write"
        and 0 < present.get(settings.topic(topic.name), 0) < settings.partitions
    }
    if wanted:
        admin = new_admin(settings)
        await admin.start()
        try:
            await admin.create_partitions(wanted)
        finally:
            await admin.close()
    return sorted(wanted)


async def runs_of(settings: Settings) -> dict[str, int]:
    """The runs that have a changelog on the broker, each with its number of partitions."""
    first = dataclasses.replace(settings, incarnation=FIRST_RUN).topic(CHANGELOG.name)
    found: dict[str, int] = {}
    for name, count in (await partition_counts(settings)).items():
        if name == first:
            found[FIRST_RUN] = count
        elif name.startswith(f"{first}."):
            found[name[len(first) + 1 :]] = count
    return found


async def _refuse_second_run(settings: Settings) -> None:
    others = sorted(set(await runs_of(settings)) - {settings.incarnation})
    if others:
        raise TopicsError(
            f"incarnation {', '.join(others)} is on this broker, and SHOAL_INCARNATION is "
            f"{settings.incarnation}: set it to that one, or begin this one beside it with "
            "`shoal rebuild start`"
        )


async def require_topics(settings: Settings, topics: Collection[Topic] = TOPICS) -> None:
    """Make sure that the worker can start, or who reads these topics can.

    Nobody who reads asks for a topic by name before: many brokers would make it, with a number of
    partitions that no worker starts with.

    Raises
    ------
    TopicsError
        A topic is missing or has another partition count or policy; says what to do next.
    """
    findings = [f for f in await inspect_topics(settings) if f.topic in topics]
    missing = [f.name for f in findings if f.is_missing]
    if missing:
        await _refuse_second_run(settings)
        then = "create them with `shoal topics create`, or start the worker with --create-topics"
        who = settings.security.principal
        if who != ANONYMOUS:
            # A broker does not name what somebody may not see.
            then += f"; if they are there, let {who} use them: see `shoal topics plan --offline`"
        raise TopicsError(f"topics are missing: {', '.join(missing)}; {then}")
    problems = [f"{f.name}: {f.problem}" for f in findings if f.problem]
    if problems:
        raise TopicsError("; ".join(problems))


async def _until_present(admin: Any, names: set[str]) -> None:
    """Wait for the brokers to hear of new topics: they learn of them a moment after the answer."""
    deadline_s = time.monotonic() + VISIBLE_TIMEOUT_S
    while missing := names - set(await admin.list_topics()):
        if time.monotonic() > deadline_s:
            raise TopicsError(
                f"topics were created and cannot be seen: {', '.join(sorted(missing))}; "
                f"look at the broker's controller"
            )
        await asyncio.sleep(VISIBLE_POLL_S)


def _finding(
    settings: Settings, topic: Topic, present: dict[str, int], configs: dict[str, dict[str, str]]
) -> Finding:
    name, partitions = settings.topic(topic.name), settings.partition_count(topic)
    if name not in present:
        return Finding(topic, name, partitions, is_missing=True, problem="is missing")
    problem = None
    # To a topic that is only written to, another run may have given more.
    if present[name] != partitions and (topic.access != "write" or present[name] < partitions):
        problem = (
            f"has {present[name]} partitions, the settings say {partitions}; set SHOAL_PARTITIONS "
            f"to what the installation was made with; to grow it, see shoal rebuild --help"
        )
    else:
        found, wanted = configs.get(name, {}), settings.privacy.configuration(topic)
        wrong = [s for s in DECIDING_SETTINGS if s in found and found[s] != wanted[s]]
        if wrong:
            pairs = ",".join(f"{s}={wanted[s]}" for s in wrong)
            problem = (
                f"has {', '.join(f'{s}={found[s]}' for s in wrong)}; change it: "
                f"kafka-configs --alter --topic {name} --add-config {pairs}"
            )
    return Finding(topic, name, partitions, is_missing=False, problem=problem)


def _configuration(settings: Settings, topic: Topic, replication: int) -> dict[str, str]:
    config = settings.privacy.configuration(topic)
    if replication >= REPLICATION_WANTED:
        config["min.insync.replicas"] = str(REPLICATION_WANTED - 1)
    return config


async def _partition_counts(admin: Any) -> dict[str, int]:
    # Asked for all at once: a question for a topic by name may make that topic.
    names = await admin.list_topics()
    wanted = [name for name in names if not name.startswith("__")]
    if not wanted:
        return {}
    found = await admin.describe_topics(wanted)
    return {topic["topic"]: len(topic["partitions"]) for topic in found}


async def _configurations(admin: Any, names: list[str]) -> dict[str, dict[str, str]]:
    """Settings by topic; a broker that does not tell them has none to be wrong."""
    if not names:
        return {}
    try:
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        )
    except KafkaError:
        return {}
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }


def _raise_errors(answer: Any) -> None:
    for name, code, *rest in answer.topic_errors:
        error = for_code(code)
        # Two workers may start at once: then the other one has made it.
        if code and error is not TopicAlreadyExistsError:
            message = rest[0] if rest else error.__name__
            raise TopicsError(f"topic {name} could not be created: {message}")
