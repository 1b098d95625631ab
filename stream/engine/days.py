"""The population of one partition, day by day: histograms that are final at each day's end."""

from __future__ import annotations

import msgspec

from stream.engine.decider import Decider
from stream.engine.meta import POPULATION_KEY
from stream.features.population import add_counts

Histograms = dict[str, dict[int, int]]
"""Feature -> bucket -> customers."""

_decoder = msgspec.msgpack.Decoder(Histograms)


class Days:
    """What the rows count for in the histograms, up to the days that are closed.

    `histograms` is never changed in place: who holds it holds it as it was.
    """

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._changed = False
        self.histograms: Histograms = {}

    def restore(self, value: bytes | None) -> None:
        """Take the histograms from the changelog."""
        self.histograms = _decoder.decode(value) if value else {}

    def close(self, day: int) -> Histograms:
        """Finalise the days before `day`; the histograms as of its first instant.

        The coordinator lets the clock cross several days at once only where nothing happened.
        """
        deltas = self._decider.deltas
        for closed in sorted(d for d in deltas if d < day):
            for feature, counts in deltas.pop(closed).items():
                known = self.histograms.get(feature, {})
                self.histograms = {**self.histograms, feature: add_counts((known, counts))}
            self._changed = True
        return self.histograms

    def take_written(self) -> dict[bytes, bytes]:
        """The changelog record, where a day was closed since."""
        if not self._changed:
            return {}
        self._changed = False
        return {POPULATION_KEY: msgspec.msgpack.encode(self.histograms)}
