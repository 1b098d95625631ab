"""Which delivery the broker allows: transactions, or the embedded broker's plain one."""

from __future__ import annotations

import logging

from aiokafka.errors import IncompatibleBrokerVersion, UnknownError, UnsupportedVersionError

from stream.events.topics import CHANGELOG, CLOCK
from stream.shell.broker_time import BrokerTime
from stream.shell.connection import new_producer
from stream.shell.delivery import (
    Delivery,
    PlainDelivery,
    TransactionalDelivery,
    close_producer,
    start_producer,
)
from stream.shell.settings import Settings

logger = logging.getLogger(__name__)


async def has_transactions(settings: Settings) -> bool:
    """Ask the broker for a transactional producer; the embedded broker has none."""
    if settings.delivery != "auto":
        return settings.delivery == "transactional"
    producer = new_producer(settings, f"shoal-{settings.group}-probe")
    client_log = logging.getLogger("aiokafka")
    level = client_log.level
    client_log.setLevel(logging.CRITICAL)  # what it calls unexpected is what is asked for here
    try:
        await start_producer(producer)
    except (UnknownError, IncompatibleBrokerVersion, UnsupportedVersionError):
        return False
    finally:
        client_log.setLevel(level)
        await close_producer(producer)
    return True


def new_delivery(
    settings: Settings, broker_time: BrokerTime, writer: str, *, transactional: bool
) -> Delivery:
    """A writer's delivery, not yet open."""
    if transactional:
        return TransactionalDelivery(settings, writer, broker_time)
    return PlainDelivery(
        settings, broker_time, [settings.topic(t.name) for t in (CHANGELOG, CLOCK)]
    )


def say_delivery(settings: Settings, *, transactional: bool) -> None:
    """Say which promise holds."""
    if transactional:
        logger.info("delivery: one transaction a batch, exactly once into this broker")
    else:
        logger.warning(
            "delivery: plain, at least once: the broker %s has no transactions. For demo and "
            "development only",
            settings.broker,
        )
