"""Four weeks of a simulated shop, and the questions that tests ask of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from stream.clock import DAY_MS
from stream.simulation.traffic import SimulatedEvent, TrafficConfig, generate, truths

MONDAY_MS = 1_767_571_200_000  # 2026-01-05T00:00:00Z
WEEK_MS = 7 * DAY_MS
VISIT_GAP_MS = 30 * 60_000


@dataclass(frozen=True)
class Month:
    config: TrafficConfig
    events: list[SimulatedEvent]
    truths: list[dict[str, Any]]

    def told(self, *kinds: str) -> Iterator[tuple[SimulatedEvent, dict[str, Any]]]:
        """Events of some kinds, with what their bytes say."""
        for event in self.events:
            if event.kind in kinds:
                yield event, orjson.loads(event.value)

    def type_of(self, event: SimulatedEvent) -> str:
        return str(self.truths[event.customer]["type"])

    def of_type(self, name: str) -> list[dict[str, Any]]:
        return [truth for truth in self.truths if truth["type"] == name]

    def visits(self) -> dict[int, list[int]]:
        """First instants of visits by customer, cut where a device is silent for half an hour.

        Those that a message led to are left out: they come on top of the customer's rhythm.
        """
        starts: dict[int, list[int]] = {truth["customer"]: [] for truth in self.truths}
        last: dict[int, int] = {}
        for event in self.events:
            is_opening = event.kind.startswith("page ")
            if not is_opening and event.customer not in last:
                continue
            if event.kind.startswith(
                ("Email", "Push", "Order Re", "Order Up", "Order Ca", "Unsub")
            ):
                continue
            before = last.get(event.customer, -VISIT_GAP_MS)
            last[event.customer] = event.time_ms
            is_first = is_opening and event.time_ms - before >= VISIT_GAP_MS
            if is_first and b'"source":"crm"' not in event.value:
                starts[event.customer].append(event.time_ms)
        return starts


def month_of(**settings: Any) -> Month:
    """Four weeks of 800 customers, if not told otherwise."""
    config = TrafficConfig(**{"customers": 800, "start_ms": MONDAY_MS, "days": 28.0} | settings)
    return Month(config, list(generate(config)), list(truths(config)))
