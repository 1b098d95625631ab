"""Floors: what the client alone, and the client with the typed decode, take of the same log.

A process of its own: FLOOR BROKER; prints a run as JSON.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.events.envelope import decode
from stream.events.topics import EVENTS
from tests.bench.log import PARTITIONS
from tests.bench.machine import Cores, own_sample
from tests.bench.rates import Run, run_between

POLL_RECORDS_MAX = 5_000


async def read_log(broker: str, *, decodes: bool) -> Run:
    """Read the log from its beginning to its end."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        auto_offset_reset="earliest",
        max_poll_records=POLL_RECORDS_MAX,
    )
    await consumer.start()
    try:
        places = [TopicPartition(EVENTS.name, p) for p in range(PARTITIONS)]
        consumer.assign(places)
        total = sum((await consumer.end_offsets(places)).values())
        count = 0
        cores = Cores()
        first = own_sample(cores, 0)
        while count < total:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                count += len(records)
                if decodes:
                    for record in records:
                        decode(record.value, record.timestamp, None)
        return run_between(first, own_sample(cores, count))
    finally:
        await consumer.stop()


if __name__ == "__main__":
    floor, broker = sys.argv[1:]
    run = asyncio.run(read_log(broker, decodes=floor == "decode"))
    sys.stdout.buffer.write(msgspec.json.encode(run))
