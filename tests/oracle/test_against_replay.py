"""The core on simulated traffic in order, against the oracle."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stream.clock import instant_ms
from stream.simulation.traffic import TrafficConfig, generate
from tests.oracle.membership import changes_until, members_at
from tests.oracle.reading import acts_by_customer, ambiguous_customers
from tests.oracle.replayed import differences, replayed

START = "2026-01-01T00:00:00Z"
UNTIL = "2026-03-15T00:00:00Z"


def traffic(seed: int) -> list[bytes]:
    config = TrafficConfig(
        seed=seed, customers=60, start_ms=instant_ms(START), days=45, skewed=0, late=0
    )
    return [event.value for event in generate(config)]


def read(lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=Decimal) for line in lines]


def without_links(line: bytes) -> bytes:
    """The event with the one id that it is keyed by: nobody is anybody else."""
    event = json.loads(line)
    if event.get("userId"):
        event.pop("anonymousId", None)
    event.get("context", {}).pop("externalIds", None)
    return json.dumps(event).encode()


def write(lines: list[bytes], folder: Path) -> Path:
    path = folder / "events.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@pytest.mark.parametrize("seed", [3, 4])
def test_every_change_of_customers_nobody_links_is_the_oracles(tmp_path: Path, seed: int):
    lines = [without_links(line) for line in traffic(seed) if b'"type":"alias"' not in line]
    events = read(lines)
    changes, members = replayed(write(lines, tmp_path), UNTIL, tmp_path)
    until_ms = instant_ms(UNTIL)
    expected = changes_until(events, until_ms)
    known = set(acts_by_customer(events))
    assert len(known) > 40
    assert {"abandoned_cart", "abandoned_checkout", "abandoned_browse", "loyal", "at_risk"} <= {
        change.segment for change in expected if change.customer in known
    }
    found = differences(expected, changes)
    assert [each for each in found if each[1].customer in known] == []
    oracle = members_at(events, until_ms)
    assert {who: members[who] for who in known} == {who: oracle[who] for who in known}


@pytest.mark.parametrize("seed", [3, 4])
def test_linked_customers_end_in_the_oracles_segments(tmp_path: Path, seed: int):
    lines = traffic(seed)
    events = read(lines)
    _, members = replayed(write(lines, tmp_path), UNTIL, tmp_path)
    oracle = members_at(events, instant_ms(UNTIL))
    known = set(acts_by_customer(events)) - ambiguous_customers(events)
    linked = {who for who in known if who.startswith("c")}
    assert len(linked) > 20
    assert {who: members.get(who) for who in known} == {who: oracle[who] for who in known}
