"""What an engine is told once, at its start."""

from __future__ import annotations

from typing import Final

import msgspec

from stream.clock import DAY_MS, HOUR_MS
from stream.engine.store import HOT_ROWS_MAX

HISTORIC_AFTER_MS: Final = HOUR_MS
"""A change told of more than this after its time does not act by default."""

VALIDITY_MS: Final = 7 * DAY_MS
"""How long a change is worth acting on where time alone does not end it earlier."""

# These four are not final: tests lower them, on extension modules as well.
TIMERS_PER_TICK = 4_000
TIMERS_PER_RECORD = 16
"""Rows woken by a tick, and by each later record while some are still due: a wave at midnight
takes its turns with events (4,000 rows take about 80 ms)."""

SWEEP_PER_TICK = 4_000
SWEEP_PER_RECORD = 32
"""Rows taken over to a new version by a tick, and by each later record."""

SHARED_TARGETS_MAX: Final = 3
"""An id linked to more customers than this within a day is a shared device: it stops forwarding."""

TARGETS_KEPT_MAX: Final = 8

WAYS_MAX: Final = 8
"""Latest ways of what comes for an id, by which the past of measures finds where it belongs."""


class EngineSettings(msgspec.Struct, frozen=True):
    """`incarnation` names this run of the pipeline over the log: it is part of every change id.

    `hot_rows_max` bounds the live rows of an engine; no change depends on it. Nor does one on
    `erasure_secrets`, by which erased ids are recognised, the newest first; None: it does not
    matter that some may be missing, since what is decided here goes nowhere.
    """

    shop: str = "shop"
    incarnation: str = "1"
    hot_rows_max: int = HOT_ROWS_MAX
    erasure_secrets: tuple[bytes, ...] | None = None
