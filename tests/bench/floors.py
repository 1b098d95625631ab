"""Floors: what the client alone, and the client with the typed decode, take of the same log.

A process of its own: FLOOR BROKER; prints a run as JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.events.envelope import decode
from stream.events.topics import EVENTS
from tests.bench.log import PARTITIONS
from tests.bench.rates import Run

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
        started_s, started_cpu_s = time.monotonic(), time.process_time()
        while count < total:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                count += len(records)
                if decodes:
                    for record in records:
                        decode(record.value, record.timestamp, None)
        span_s, used_s = time.monotonic() - started_s, time.process_time() - started_cpu_s
    finally:
        await consumer.stop()
    return Run(
        events_per_s=count / span_s,
        events=count,
        span_s=span_s,
        cpu_us=used_s / count * 1e6,
        core_ratio=used_s / span_s,
    )


if __name__ == "__main__":
    floor, broker = sys.argv[1:]
    run = asyncio.run(read_log(broker, decodes=floor == "decode"))
    sys.stdout.buffer.write(msgspec.json.encode(run))
