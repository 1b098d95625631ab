"""Which partition a key belongs to."""

from __future__ import annotations

from zlib import crc32


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as librdkafka's `consistent` partitioner has it.

    >>> partition_of(b"c-17", 8)
    7
    """
    return crc32(key) % partitions
