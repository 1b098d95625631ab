"""What every partition's owner and the time-keeper share; wired in `worker.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from stream.engine.committed_rows import CommittedRows
from stream.engine.partition import PartitionEngine
from stream.engine.router import Router
from stream.shell.broker_time import BrokerTime
from stream.shell.delivery import Delivery
from stream.shell.faust_private import EndProof
from stream.shell.known_topics import KnownTopics
from stream.shell.metrics import Metrics
from stream.shell.row_keeping import RowKeeper
from stream.shell.settings import Settings

RESTORES_MAX = 4
"""Restores at a time: each holds up to 8 MiB of fetched changelog, and one core has no use for
more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Tools in common.

    new_delivery    a delivery for a writer's name, not yet open
    topics          what the broker said of the topics at the start
    newest_summary  what a partition's learner last told
    end_proof       the newest proof that a partition had been read to its end
    read_from       begin a numbered reading of a partition at an offset; None: no longer ours
    owned_count     partitions that this worker has
    keeper          of local stores; None: rows are in memory
    heartbeats_s    after so long the group has told a member what it no longer has
    """

    settings: Settings
    metrics: Metrics
    broker_time: BrokerTime
    new_engine: Callable[[int, CommittedRows | None], PartitionEngine]
    new_router: Callable[[int], Router]
    new_delivery: Callable[[str], Delivery]
    topics: KnownTopics
    newest_summary: Callable[[int], Awaitable[bytes | None]]
    end_proof: Callable[[TopicPartition], EndProof | None]
    read_from: Callable[[TopicPartition, int | None, int], Awaitable[int | None]]
    owned_count: Callable[[], int]
    heartbeats_s: float
    keeper: RowKeeper | None = None
    restores: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(RESTORES_MAX))
