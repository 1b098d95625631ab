"""Rows and members at random instants: what the core holds then, and what the oracle computes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from stream.clock import instant_ms
from stream.engine.settings import EngineSettings
from stream.events.envelope import decode
from stream.simulation.offline import Offline
from stream.simulation.traffic import TrafficConfig, generate
from stream.state.row import Row
from tests.oracle.batch import Customer, apply
from tests.oracle.membership import Change, changes_until
from tests.oracle.reading import acts_by_customer
from tests.oracle.replayed import is_judged

INSTANTS = 50


def simulated() -> list[bytes]:
    """A month in which everybody has one id."""
    start_ms = instant_ms("2026-01-05T00:00:00Z")
    config = TrafficConfig(seed=8, customers=50, start_ms=start_ms, days=30, skewed=0, late=0)
    return [_with_one_id(event.value) for event in generate(config) if event.kind != "alias"]


def _with_one_id(line: bytes) -> bytes:
    event = json.loads(line)
    if event.get("userId"):
        event.pop("anonymousId", None)
    event["context"].pop("externalIds", None)
    return json.dumps(event).encode()


def states(lines: list[bytes], instants: list[int]) -> Iterator[tuple[int, dict[str, Row]]]:
    """The rows of a replay that is stopped at each of the instants, in their order."""
    pack = files("stream.segments").joinpath("pack.yaml").read_bytes()
    offline = Offline(EngineSettings(), pack)
    events = iter(sorted((decode(v, 0, None) for v in lines), key=lambda event: event.time_ms))
    waiting = next(events, None)
    for instant in instants:
        while waiting is not None and waiting.time_ms <= instant:
            for _ in offline.apply(waiting):
                pass
            waiting = next(events, None)
        for _ in offline.finish(instant):
            pass
        yield instant, {key.decode(): row for key, row in offline.engine.store.rows()}


def assert_agree(row: Row, customer: Customer) -> None:
    """Orders, revenue, recency and the open cart."""
    orders = row.orders
    assert (orders.count if orders else 0) == customer.order_count
    assert (orders.revenue_micros if orders else 0) == customer.revenue
    assert (orders.refunded_micros if orders else 0) == customer.refunded
    latest = max((order.time_ms for order in customer.standing), default=0)
    assert (orders.last_ms if orders else 0) == latest
    assert (row.cart.items if row.cart else 0) == customer.cart_items


def walked(events: list[dict[str, Any]], instants: list[int]) -> Iterator[dict[str, Customer]]:
    """The oracle's customers at each of the instants."""
    acts = sorted(
        ((act.time_ms, place, who, act) for who, mine in acts_by_customer(events).items()
         for place, act in enumerate(mine)),
        key=lambda each: each[:3],
    )  # fmt: skip
    customers: dict[str, Customer] = {}
    done = 0
    for instant in instants:
        while done < len(acts) and acts[done][0] <= instant:
            apply(customers.setdefault(acts[done][2], Customer()), acts[done][3])
            done += 1
        yield customers


def members_at(changes: list[Change], instant: int) -> dict[str, set[str]]:
    """Who is in which segment after all changes up to the instant."""
    found: dict[str, set[str]] = {}
    for change in changes:
        if change.time_ms <= instant:
            members = found.setdefault(change.customer, set())
            (members.add if change.entered else members.discard)(change.segment)
    return found


def compare(lines: list[bytes], seed: int) -> tuple[int, int]:
    """Compare at random instants: customers compared, and those of them with an abandoned cart."""
    events: list[dict[str, Any]] = [json.loads(line, parse_float=Decimal) for line in lines]
    times = sorted(decode(line, 0, None).time_ms for line in lines)
    draw = random.Random(seed)
    instants = sorted(draw.randint(times[0], times[-1]) for _ in range(INSTANTS))
    changes = changes_until(events, instants[-1])
    compared = abandoned = 0
    oracle = walked(events, instants)
    for (instant, rows), customers in zip(states(lines, instants), oracle, strict=True):
        assert rows.keys() == customers.keys()
        members = members_at(changes, instant)
        for who, customer in customers.items():
            assert_agree(rows[who], customer)
            mine = set(filter(is_judged, rows[who].segments))
            assert mine == members.get(who, set()), (who, instant)
            compared += 1
            abandoned += "abandoned_cart" in mine
    return compared, abandoned


def test_a_simulated_month_agrees_at_fifty_instants() -> None:
    compared, abandoned = compare(simulated(), seed=17)
    assert compared > 500
    assert abandoned > 50


@pytest.mark.real
def test_an_imported_history_agrees_at_fifty_instants(shared_data: Path, tmp_path: Path) -> None:
    source = str(shared_data / "online_retail_2010-12_2011-03.csv.gz")
    out = tmp_path / "events.jsonl"
    assert cli.main(["import", source, "--map", "online_retail", "--to", str(out)]) == 0
    compared, _ = compare(out.read_bytes().splitlines(), seed=2011)
    assert compared > 20_000
