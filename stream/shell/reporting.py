"""What a source tells the time-keeper of itself, and when."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from stream.engine.coordinator import SourceReport
from stream.shell.routing import NOTHING_WRITTEN, Source

REPORT_INTERVAL_S = 0.1
"""How often a source says with its batches how far it is. The clock ticks more rarely, and every
report is one more partition in its transaction."""

LONE_REPORT_INTERVAL_S = 0.4
"""How often it says so by itself, when not even ticks come."""

SAME_REPORT_INTERVAL_S = 5.0
"""How often a source says the same again, as a sign of life."""

encode_report: Callable[[SourceReport], bytes] = msgspec.json.Encoder().encode
decode_report: Callable[[bytes], SourceReport] = msgspec.json.Decoder(SourceReport).decode


def report_key(source: int) -> bytes:
    """The key of a source's reports in the topic `clock`."""
    return b"source-%d" % source


class Reporter:
    """Says how far one source is, when that is news or due."""

    def __init__(self, source: Source, number: int, sources: int) -> None:
        self._source = source
        self._number = number
        self._sources = sources
        self._last: SourceReport | None = None
        self._looked_s = 0.0
        self._told_s = 0.0

    def restart(self) -> None:
        """Begin anew: the next report is told whatever it says."""
        self._last = None
        self._looked_s = 0.0

    def due_in_s(self) -> float:
        """Seconds until a report is due without a batch to go with; none or less: now."""
        return self._looked_s + LONE_REPORT_INTERVAL_S - time.monotonic()

    def next(self, *, waits: bool) -> SourceReport | None:
        """The report to go with a batch, if any; it never takes a watermark back.

        A source that waits for the clock says so at once: the clock may be waiting for it.
        """
        now_s = time.monotonic()
        if not waits and now_s - self._looked_s < REPORT_INTERVAL_S:
            return None
        self._looked_s = now_s
        state, last = self._source.state(), self._last
        before_ms = NOTHING_WRITTEN if last is None else last.watermark_ms
        report = SourceReport(
            source=self._number,
            watermark_ms=max(self._source.watermark_ms(), before_ms),
            offset=state.next_offset,
            sources=self._sources,
            event_ms=state.event_ms,
        )
        if report == last and now_s - self._told_s < SAME_REPORT_INTERVAL_S:
            return None
        self._told_s = now_s
        return report

    def told(self, report: SourceReport) -> None:
        """Hear that a report is committed."""
        self._last = report
