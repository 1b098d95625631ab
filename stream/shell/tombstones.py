"""How long the broker keeps tombstones of a topic: as long as a local store may have been away."""

from __future__ import annotations

from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from stream.clock import DAY_MS
from stream.shell.connection import new_admin
from stream.shell.settings import Settings

TOMBSTONES_USUAL_MS = DAY_MS
"""Kafka's own default, where a broker does not tell."""


async def tombstones_ms(settings: Settings, topic: str) -> int:
    """How long a topic's tombstones can be read, at least.

    Raises
    ------
    KafkaError
        The broker does not answer now.
    """
    admin = new_admin(settings)
    await admin.start()
    try:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    except KafkaError as error:
        if error.retriable:
            raise
        return TOMBSTONES_USUAL_MS
    finally:
        await admin.close()
    return _kept_ms(answers)


def _kept_ms(answers: Any) -> int:
    for answer in answers:
        for resource in answer.resources:
            for entry in resource[4]:
                if entry[0] == "delete.retention.ms":
                    return int(entry[1])
    return TOMBSTONES_USUAL_MS
