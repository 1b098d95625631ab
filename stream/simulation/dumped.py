"""A record of a dumped log, as `shoal topics dump` writes it and `shoal replay --log` reads it."""

from __future__ import annotations

import msgspec


class DumpedRecord(msgspec.Struct, omit_defaults=True):
    """A line of a log dump: a record of `customer-events` with its place; bytes in Base64.

    One with `state` is of a snapshot: a record of the changelog. One with neither key nor value
    says where the log begins that follows.
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    state: bool = False
