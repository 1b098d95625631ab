"""One line about what went wrong with the broker, and what to do, the same for every command."""

from __future__ import annotations

import asyncio
import logging

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    NodeNotReadyError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
)

from stream.cli.failure import CommandFailedError
from stream.shell.reaching import Advice, why_unreachable
from stream.shell.settings import Settings

_FORBIDDEN = {
    TopicAuthorizationFailedError: "use a topic that it needs",
    GroupAuthorizationFailedError: "use the group",
    TransactionalIdAuthorizationFailed: "use the transactional ids",
    ClusterAuthorizationFailedError: "do that to the cluster",
}


_ABSENCES = (KafkaConnectionError, NodeNotReadyError)
"""Nobody was reached, or the cluster names no broker yet."""

REFUSALS = (*_ABSENCES, *_FORBIDDEN)
"""What `explained` knows more of than its name."""


def broker_failure(settings: Settings, error: Exception) -> CommandFailedError:
    """What to raise for an error of the client, where no loop runs."""
    return CommandFailedError(*asyncio.run(explained(settings, error)))


async def explained(settings: Settings, error: Exception) -> Advice:
    """What went wrong, and what to do; a broker that was not reached is tried once more."""
    for kind, what in _FORBIDDEN.items():
        if isinstance(error, kind):
            return (
                f"the broker {settings.broker} does not let {settings.security.principal} {what}",
                "`shoal topics plan --offline` prints what each principal needs",
            )
    if isinstance(error, UnknownTopicOrPartitionError):
        return f"the broker {settings.broker} has no such topic", "make it: shoal topics create"
    if not isinstance(error, _ABSENCES):
        what = f"the broker {settings.broker} does not answer as it should ({error!r})"
        return what, "check SHOAL_BROKER, SHOAL_TOPIC_PREFIX and the broker"
    client_log = logging.getLogger("aiokafka")
    level = client_log.level
    client_log.setLevel(logging.CRITICAL)  # it has said so before, and is asked again here
    try:
        return await why_unreachable(settings)
    finally:
        client_log.setLevel(level)
