"""Merges what the partitions have learned into the next cluster model, now and then."""

from __future__ import annotations

import asyncio
import logging
import time

from xxhash import xxh3_64_hexdigest

from stream.clustering.macro import merge
from stream.clustering.model import UnreadableModelError
from stream.clustering.summary import UnreadableSummaryError
from stream.features.vector import DIMENSIONS
from stream.shell.settings import Settings

CLUSTERS_KEY = b"clusters"

logger = logging.getLogger(__name__)


def model_name(content: bytes) -> str:
    """The name of a version of the cluster model: the hash of its content."""
    return xxh3_64_hexdigest(content)


class ModelMerger:
    """The newest summaries and the model in force; a merge of 8 takes 0.1 s, in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._interval_s = settings.cluster_interval_s
        self._summaries: dict[bytes, bytes] = {}
        self._model: bytes | None = None
        self._has_news = False
        self._merged_s = time.monotonic()

    def learned(self, key: bytes, summary: bytes) -> None:
        """Take a partition's newest summary."""
        self._summaries[key] = summary
        self._has_news = True

    def announced(self, model: bytes) -> None:
        """Take the newest model from its topic."""
        self._model = model

    async def merged(self) -> bytes | None:
        """The next model where there is one to announce and it is time."""
        now_s = time.monotonic()
        if not self._has_news or now_s - self._merged_s < self._interval_s:
            return None
        self._merged_s = now_s
        self._has_news = False
        try:
            return await asyncio.to_thread(
                merge, list(self._summaries.values()), self._model, DIMENSIONS
            )
        except (UnreadableSummaryError, UnreadableModelError) as error:
            logger.error("no new cluster model: %s; are all workers of one build?", error)
            return None
