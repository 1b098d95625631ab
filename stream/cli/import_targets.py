"""Where an imported history goes: a file of JSON lines, or the topic of raw events."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast
from zlib import crc32

from stream.cli.failure import CommandFailedError
from stream.events.history_events import HistoryEvent

HISTORY_ENDS = b'{"type":"history_ends"}'
"""Told to every partition: no more old events are on their way, the clock may go on to now."""

SENDING_MAX = 5_000
"""Events handed to the producer before their acknowledgements are awaited: 5 MB at 1 KB each."""

PRODUCER_BATCH_BYTES = 262_144
LINGER_MS = 10


def write_lines(events: Iterable[HistoryEvent], target: str) -> int:
    """Write the events as JSON lines; a file appears when it is complete, or not at all."""
    count = 0
    with _lines_out(target) as out:
        for event in events:
            out.write(event.value + b"\n")
            count += 1
    return count


@contextmanager
def _lines_out(target: str) -> Iterator[IO[bytes]]:
    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    special = path.exists() and not path.is_file()  # a pipe or device is written, never replaced
    part = path if special else path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield file
        if not special:
            part.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise CommandFailedError(f"{target}: {reason}", "nothing was imported") from None
    finally:
        if not special:
            part.unlink(missing_ok=True)


def send_events(
    events: Iterable[HistoryEvent], *, broker: str, topic: str, history_ends: bool
) -> int:
    """Send the events in their order, keyed and partitioned by customer; the number sent.

    Without idempotence or a transaction, so that every broker will do: a batch that a retry sent
    twice has the same message ids twice.

    Raises
    ------
    CommandFailedError
        With the number of events that were acknowledged before it failed.
    """
    return asyncio.run(_send(events, broker, topic, history_ends))


async def _send(events: Iterable[HistoryEvent], broker: str, topic: str, history_ends: bool) -> int:
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    sent = 0
    producer = AIOKafkaProducer(
        bootstrap_servers=broker,
        acks="all",
        linger_ms=LINGER_MS,
        max_batch_size=PRODUCER_BATCH_BYTES,
        compression_type="gzip",
    )
    try:
        await producer.start()
        partitions = sorted(await producer.partitions_for(topic))
        todo = iter(events)
        while chunk := list(islice(todo, SENDING_MAX)):
            await _send_chunk(producer, topic, len(partitions), chunk)
            sent += len(chunk)
        if history_ends:
            for partition in partitions:
                await producer.send_and_wait(topic, HISTORY_ENDS, partition=partition)
    except (KafkaError, OSError) as error:
        raise CommandFailedError(
            f"{broker}: {type(error).__name__} after {sent:,} events",
            f"is a broker there, with the topic {topic!r}? (shoal topics create)",
        ) from None
    finally:
        await producer.stop()
    return sent


async def _send_chunk(
    producer: Any, topic: str, partitions: int, chunk: list[HistoryEvent]
) -> None:
    """One partition's batches leave one after the other, so its order is that of the sends."""
    sent = []
    for event in chunk:
        key = event.key.encode()
        to = crc32(key) % partitions
        sent.append(await producer.send(topic, event.value, key=key, partition=to))
    await asyncio.gather(*sent)
