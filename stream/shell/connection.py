"""Kafka clients made from the settings: the one place that knows how to reach the broker."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError

from stream.events.topics import MESSAGE_BYTES_MAX
from stream.shell.aiokafka_private import mend_fetchers
from stream.shell.oauth import token_provider
from stream.shell.reconnects import await_brokers
from stream.shell.security import OAUTHBEARER
from stream.shell.settings import Settings

RETRY_BACKOFF_MS = 2
"""A broker answers the first write of a transaction with "not yet" while it verifies the
partition. With the client's usual 100 ms that is the p99 of every commit."""

REQUEST_TIMEOUT_MS = 30_000

BATCH_BYTES_MAX = 512 << 10
"""A prebuilt batch is sent when it has so many bytes: half of what a record may have, so that
one large record with its batch's neighbours still fits the broker's limit."""

FETCH_BYTES_MAX = 8 << 20
"""Of one partition in one answer, when a topic is read from its beginning."""


def client_settings(settings: Settings) -> dict[str, Any]:
    """Settings that consumers, producers and the admin client share."""
    security = settings.security
    values: dict[str, Any] = {
        "bootstrap_servers": settings.broker,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "security_protocol": security.protocol,
        "ssl_context": security.ssl_context(),
    }
    if security.has_sasl and security.mechanism == OAUTHBEARER:
        values |= {
            "sasl_mechanism": OAUTHBEARER,
            "sasl_oauth_token_provider": token_provider(security.oauth),
        }
    elif security.has_sasl:
        values |= {
            "sasl_mechanism": security.mechanism,
            "sasl_plain_username": security.username,
            "sasl_plain_password": security.password,
        }
    return values


def new_producer(settings: Settings, transactional_id: str | None = None) -> AIOKafkaProducer:
    """A producer, not yet started; with an id it writes transactions and fences its namesakes."""
    await_brokers()
    return AIOKafkaProducer(
        **client_settings(settings),
        client_id=transactional_id or settings.app,
        transactional_id=transactional_id,
        # A worker that is gone blocks readers of its open transaction until then or until its
        # partition's next owner comes, which is a session timeout away.
        transaction_timeout_ms=max(settings.session_timeout_ms, 10_000),
        acks="all",
        linger_ms=0,
        max_batch_size=BATCH_BYTES_MAX,
        max_request_size=MESSAGE_BYTES_MAX,
        compression_type=settings.compression,
        retry_backoff_ms=RETRY_BACKOFF_MS,
    )


async def partitions_of(producer: AIOKafkaProducer, topic: str) -> list[int]:
    """The topic's partitions; asking for all topics makes none, and need not wait for one.

    Raises
    ------
    UnknownTopicOrPartitionError
        The topic is not there: the client's own question would have made it on many a broker, with
        a number of partitions that nobody has chosen.
    """
    cluster = await producer.client.fetch_all_metadata()
    partitions = cluster.partitions_for_topic(topic)
    if not partitions:
        raise UnknownTopicOrPartitionError
    return sorted(partitions)


def new_reader(
    settings: Settings, records_max: int = 5_000, *, committed: bool = True
) -> AIOKafkaConsumer:
    """A consumer without a group that reads committed records, or all; not yet started."""
    mend_fetchers()
    return AIOKafkaConsumer(
        **client_settings(settings),
        client_id=f"{settings.app}-reader",
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed" if committed else "read_uncommitted",
        auto_offset_reset="earliest",
        max_poll_records=records_max,
        max_partition_fetch_bytes=FETCH_BYTES_MAX,
        fetch_max_wait_ms=100,
    )


def new_admin(settings: Settings) -> AIOKafkaAdminClient:
    """An admin client, not yet started."""
    return AIOKafkaAdminClient(**client_settings(settings), client_id=f"{settings.app}-admin")
