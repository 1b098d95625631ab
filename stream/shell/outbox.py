"""What one transaction writes, by topic and partition, and its prebuilt batches."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

from stream.events.topics import RECORD_BYTES_MAX
from stream.shell.aiokafka_private import appender, close_filled

Headers = list[tuple[str, bytes]]
Entry = tuple[bytes | None, bytes | None, Headers]
Target = tuple[str, int]

NO_HEADERS: Headers = []
"""Shared by nearly all records, and never changed."""


class RecordTooLargeError(RuntimeError):
    """A record is larger than the topics take. The core bounds its rows, so this is a defect."""

    def __init__(self, topic: str, key: bytes | None, size_bytes: int) -> None:
        # The key is a customer id: its hash finds the customer for who may look it up.
        digest = blake2b(key or b"", digest_size=8).hexdigest()
        super().__init__(
            f"a record for topic {topic} has {size_bytes} bytes, {RECORD_BYTES_MAX} are the limit; "
            f"its key's hash is {digest}. Nothing of its batch was written. Report this with the "
            f"output of `shoal export` for the customer"
        )


class Outbox:
    """Records to write, each target's in the order in which they were put."""

    __slots__ = ("record_count", "targets")

    def __init__(self) -> None:
        self.targets: dict[Target, list[Entry]] = {}
        self.record_count = 0

    def put(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = NO_HEADERS,
    ) -> None:
        """Add one record."""
        self.put_all(topic, partition, ((key, value, headers),))

    def put_all(self, topic: str, partition: int, entries: Iterable[Entry]) -> None:
        """Add records to one target."""
        target = (topic, partition)
        queue = self.targets.get(target)
        if queue is None:
            queue = self.targets[target] = []
        before = len(queue)
        queue.extend(entries)
        self.record_count += len(queue) - before

    def batches(self, producer: Any) -> Iterator[tuple[str, int, list[Any]]]:
        """Each target's prebuilt batches, full ones split.

        Raises
        ------
        RecordTooLargeError
            One record alone is over the limit. Nothing has been sent then.
        """
        now_ms = int(time.time() * 1000)
        for (topic, partition), entries in self.targets.items():
            if entries:
                yield topic, partition, _build(producer, topic, entries, now_ms)


def _build(producer: Any, topic: str, entries: list[Entry], now_ms: int) -> list[Any]:
    batch = producer.create_batch()
    batches = [batch]
    append, count = appender(batch), 0
    for key, value, headers in entries:
        size = (len(key) if key else 0) + (len(value) if value else 0)
        if size > RECORD_BYTES_MAX:
            raise RecordTooLargeError(topic, key, size)
        if append(count, now_ms, key, value, headers) is None:
            close_filled(batch, count)
            batch = producer.create_batch()
            batches.append(batch)
            append, count = appender(batch), 0
            append(count, now_ms, key, value, headers)
        count += 1
    close_filled(batch, count)
    return batches
