"""Records that could not be applied, on their way to where someone looks at them.

Key and value are the original bytes; all about them is in headers, whose suffixes are those of
Kafka Connect and Kafka Streams. The message says what is wrong, never what the payload was.
"""

from __future__ import annotations

import time

from stream import __version__
from stream.clock import rfc3339
from stream.engine.effects import DeadRecord
from stream.shell.outbox import Headers

PREFIX = "__shoal.errors."
MESSAGE_CHARACTERS_MAX = 500


def dead_letter_headers(dead: DeadRecord, topic: str, partition: int, stage: str) -> Headers:
    """Headers of a dead letter; `stage` is decode or fold."""
    values = {
        "topic": topic,
        "partition": str(partition),
        "offset": str(dead.record.offset),
        "reason": dead.reason,
        "field": dead.field,
        "stage": stage,
        "message": dead.message[:MESSAGE_CHARACTERS_MAX],
        "version": __version__,
        "failed-at": rfc3339(int(time.time() * 1000)),
    }
    return [(PREFIX + name, value.encode()) for name, value in values.items()]
