"""An action that was started or withdrawn, as the arbiter says it (engine/arbiter.py)."""

from __future__ import annotations

from typing import Any

import msgspec


class ActionTurned(msgspec.Struct, frozen=True):
    """An action was started or withdrawn; `encode_action` gives it its bytes.

    `of` is the id of the event that started what is withdrawn.
    """

    id: str
    customer: str
    segment: str
    started: bool
    time_ms: int
    sequence: int
    definition: str
    kind: str
    cause: str
    channels: tuple[str, ...]
    reason: str | None = None
    of: str | None = None
    purpose: str | None = None
    priority: int | None = None
    variant: str | None = None
    valid_until_ms: int | None = None
    action: dict[str, Any] = {}
