"""Attribution of a simulated shop, against a count in plain Python over its raw events."""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import orjson

from stream.cli.observed import observe
from stream.clock import DAY_MS, instant_ms
from stream.engine.settings import EngineSettings
from stream.events.changes import SegmentChanged
from stream.events.envelope import decode
from stream.outcomes.attribution import Attribution
from stream.outcomes.plan import plans_of
from stream.shell.definition_file import read_definitions
from stream.simulation.offline import Offline
from stream.simulation.traffic import TrafficConfig, generate
from tests.state.shopping import START_MS

DAYS = 30.0
COUNTED = ("new_customer", "loyal", "abandoned_cart")


def converted(
    raw: list[bytes], changes: list[SegmentChanged], who: Offline, segment: str, horizon_ms: int
) -> tuple[int, int]:
    """Customers who may be addressed, whose first window has ended; those with an order in it."""
    exposed: dict[str, int] = {}
    for change in sorted(changes, key=lambda change: change.time_ms):
        could_act = change.withheld is None and not change.initial
        if change.segment == segment and change.entered and could_act:
            exposed.setdefault(who.customer_of(change.customer), change.time_ms)
    placed: dict[str, dict[str, int]] = defaultdict(dict)
    cancelled: set[str] = set()
    end_ms = 0
    for line in raw:
        call = orjson.loads(line)
        behind_ms = instant_ms(call["sentAt"]) - instant_ms(call["originalTimestamp"])
        time_ms = instant_ms(call["receivedAt"]) - behind_ms
        end_ms = max(end_ms, time_ms)
        customer = who.customer_of(call.get("userId") or call.get("anonymousId"))
        name, about = call.get("event"), call.get("properties") or {}
        if name == "Order Completed":
            placed[customer].setdefault(about["order_id"], time_ms)
        elif name == "Order Cancelled":
            cancelled.add(about["order_id"])
    ended = {customer: at for customer, at in exposed.items() if at + horizon_ms < end_ms}
    bought = [
        customer
        for customer, at in ended.items()
        if any(
            at < time_ms <= at + horizon_ms and number not in cancelled
            for number, time_ms in placed[customer].items()
        )
    ]
    return len(ended), len(bought)


def test_conversions_are_those_of_a_plain_count(tmp_path: Path):
    config = TrafficConfig(seed=5, customers=120, start_ms=START_MS, days=DAYS)
    raw = [event.value for event in generate(config)]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(raw))
    definitions = read_definitions(None)
    who, changes = Offline(EngineSettings(), definitions), []
    for decoded in sorted((decode(line, 0, None) for line in raw), key=lambda d: d.time_ms):
        changes += who.apply(decoded)
    changes += who.finish()
    attribution = Attribution(*plans_of(definitions))
    observe(
        argparse.Namespace(file=[str(path)], until=None, reference=None), definitions, attribution
    )
    found, expected = {}, {}
    for segment in COUNTED:
        horizon_ms = 3 * DAY_MS
        cells = [
            cell
            for (name, horizon, _, _), cell in attribution.cells.items()
            if (name, horizon) == (segment, horizon_ms)
        ]
        found[segment] = (
            sum(cell.converted.count for cell in cells),
            sum(cell.converted.total for cell in cells),
        )
        expected[segment] = converted(raw, changes, who, segment, horizon_ms)
    assert found == expected
    assert all(bought > 3 for _, bought in expected.values())
