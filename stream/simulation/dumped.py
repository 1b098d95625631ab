"""A record of a dumped log, as `shoal topics dump` writes it and `shoal replay --log` reads it."""

from __future__ import annotations

import msgspec


class DumpedRecord(msgspec.Struct):
    """A line of a log dump: a record of `customer-events` with its place; bytes in Base64."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
