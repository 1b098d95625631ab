"""What one transaction costs by the number of partitions and of records that it writes.

    python -m tests.bench.fanout

Prints the CPU of the writer and of the broker, and the plane through them: so much a transaction,
so much a partition that it writes to (one batch and one commit marker), so much a record. Then what
a reader takes for a batch of one record with its marker. `shoal capacity` multiplies these up.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import numpy as np
from aiokafka import TopicPartition

from stream.events.topics import CLOCK, CUSTOMER_EVENTS
from stream.shell.broker_time import BrokerTime
from stream.shell.delivery import TransactionalDelivery
from stream.shell.log_reader import LogReader
from stream.shell.outbox import NO_HEADERS, Outbox
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics
from tests.kafka.broker import Broker, discard, lasting_broker

PARTITIONS = 256
SHAPES = (
    (1, 512), (8, 512), (32, 512), (64, 512), (128, 512), (256, 512), (8, 4096), (64, 4096),
)  # fmt: skip
"""Partitions and records of a transaction."""
RECORD_BYTES = 300
WARM_UP_S = 20.0
MEASURED_S = 4.0
ROUNDS = 3
READ_COUNT = 5_000

Shape = tuple[int, int]
Times = dict[Shape, list[tuple[float, ...]]]


async def measure(broker: Broker) -> tuple[Times, float]:
    """CPU of writer and broker and wall time of each transaction, and CPU of reading one, in us."""
    settings = Settings(broker=broker.address, app="fanout", partitions=PARTITIONS)
    await create_topics(settings)
    delivery = TransactionalDelivery(settings, "fanout", BrokerTime())
    await delivery.open()
    found: Times = {shape: [] for shape in SHAPES}
    try:
        await write_for(delivery, settings, (64, 512), WARM_UP_S)
        for _ in range(ROUNDS):
            for shape in SHAPES:
                before = own_cpu_s(), broker_cpu_s(broker), time.monotonic()
                count = await write_for(delivery, settings, shape, MEASURED_S)
                after = own_cpu_s(), broker_cpu_s(broker), time.monotonic()
                times = ((b - a) / count * 1e6 for a, b in zip(before, after, strict=True))
                found[shape].append(tuple(times))
        for _ in range(READ_COUNT):
            outbox = Outbox()
            outbox.put(settings.topic(CLOCK.name), 0, b"source-1", os.urandom(120))
            await delivery.deliver(outbox, {})
    finally:
        await delivery.close()
    return found, await read_us(settings)


async def write_for(
    delivery: TransactionalDelivery, settings: Settings, shape: Shape, seconds: float
) -> int:
    """Transactions of this shape, for a time; how many there were."""
    (fan, records), topic = shape, settings.topic(CUSTOMER_EVENTS.name)
    entries = [(b"c-17", os.urandom(RECORD_BYTES), NO_HEADERS)] * (records // fan)
    ends_s, count = time.monotonic() + seconds, 0
    while time.monotonic() < ends_s:
        outbox = Outbox()
        for number in range(fan):
            outbox.put_all(topic, (number + count) % PARTITIONS, entries)
        await delivery.deliver(outbox, {})
        count += 1
    return count


async def read_us(settings: Settings) -> float:
    """CPU of reading one record that is a batch and a transaction of its own, in us."""
    async with LogReader(settings, [TopicPartition(settings.topic(CLOCK.name), 0)]) as reader:
        before_s, count = own_cpu_s(), 0
        async for records in reader.to_end():
            count += len(records)
        return (own_cpu_s() - before_s) / count * 1e6


def own_cpu_s() -> float:
    """CPU that this process has used."""
    return time.process_time()


def broker_cpu_s(broker: Broker) -> float:
    """CPU that the broker has used, all of its threads."""
    fields = Path(f"/proc/{broker.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    broker = lasting_broker().start()
    try:
        found, reading_us = asyncio.run(measure(broker))
    finally:
        discard(broker)
    print("partitions  records   writer us   broker us     wall us")
    middle = {shape: np.median(np.array(times), axis=0) for shape, times in found.items()}
    for (fan, records), times in middle.items():
        print(f"{fan:10d} {records:8d}", *(f"{each:11,.0f}" for each in times))
    terms = np.array([(1, fan, records) for fan, records in middle])
    for column, name in enumerate(("writer", "broker")):
        values = np.array([times[column] for times in middle.values()])
        (once, partition, record), *_ = np.linalg.lstsq(terms, values, rcond=None)
        print(
            f"{name}: {once:,.0f} us a transaction, {partition:,.1f} a partition, "
            f"{record:.2f} a record of {RECORD_BYTES} bytes"
        )
    print(f"reader: {reading_us:.1f} us a batch of one record with its marker")


if __name__ == "__main__":
    sys.exit(main())
