"""What the time-keeper hears from the definitions topic: contents that load, and news of the past.

A content that does not load changes nothing: it is left out, said once and counted, and everything
goes on under the one before it.
"""

from __future__ import annotations

import logging
from typing import Any

from xxhash import xxh3_64_hexdigest

from stream.engine.coordinator import Coordinator
from stream.engine.versions import DEFINITIONS, PAST, read_past
from stream.segments.pack import pack_name
from stream.shell.definitions import PAST_KEY, refusal
from stream.shell.workshop import Workshop

logger = logging.getLogger(__name__)


class PublishedDefinitions:
    """Tells the coordinator what was published.

    At a start the whole topic is read, and loading costs a second for a large file. So records are
    collected first, and only the newest that loads is loaded.
    """

    def __init__(self, shop: Workshop, coordinator: Coordinator) -> None:
        self._shop = shop
        self._coordinator = coordinator
        self._collected: list[Any] = []

    def collect(self, record: Any) -> None:
        """Take a record of the topic's past."""
        self._collected.append(record)

    def resume(self) -> None:
        """Hear the newest of what was collected, now that the coordinator knows what it announced.

        What it has announced is in force whether this build reads it or not: nobody goes back
        behind it.
        """
        in_force = self._coordinator.state.names.get(DEFINITIONS)
        is_heard = {PAST: False, DEFINITIONS: False}
        for record in reversed(self._collected):
            kind = PAST if record.key == PAST_KEY else DEFINITIONS
            if is_heard[kind]:
                continue
            content = record.value
            if kind == DEFINITIONS and content is not None and pack_name(content) == in_force:
                self._coordinator.version(kind, in_force, content)
                is_heard[kind] = True
            else:
                is_heard[kind] = self.hear(record)
        self._collected = []

    def hear(self, record: Any) -> bool:
        """Take a new record; False for one that is left out."""
        content = record.value
        reason = _refusal_of_past(content) if record.key == PAST_KEY else refusal(content)
        if reason is not None:
            self._shop.metrics.definitions_refused.inc()
            logger.error(
                "what was published at offset %d is left out, and nothing changes: %s; "
                "`shoal segments publish` checks before it writes",
                record.offset, reason,
            )  # fmt: skip
            return False
        if record.key == PAST_KEY:
            self._coordinator.version(PAST, xxh3_64_hexdigest(content), content)
        else:
            self._coordinator.version(DEFINITIONS, pack_name(content), content)
        return True


def _refusal_of_past(content: bytes | None) -> str | None:
    try:
        read_past(content or b"")
    except ValueError as error:
        return str(error)
    return None
