"""What decoding an event costs, as numbers: `pytest -m bench -s tests/bench/test_decode.py`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import pytest

from stream.engine.effects import StoredRecord
from stream.engine.router import Router
from stream.events.calls import decode_call
from stream.events.envelope import decode
from stream.events.event_time import event_time
from stream.events.identity import identify
from stream.events.money import KnownPrices, micros
from stream.events.reference import ReferenceBook
from tests.bench.log import PARTITIONS, plan_for

pytestmark = pytest.mark.bench

EVENTS = 10_000
ROUNDS = 15
BROKER_MS = 2_000_000_000_000


@pytest.fixture(scope="module")
def simulated() -> dict[str, list[bytes]]:
    """Events of the simulator's default mix, by kind."""
    kinds = defaultdict(list)
    for event in plan_for(EVENTS).simulated():
        kinds[event.kind].append(event.value)
    return dict(kinds)


def microseconds_each(count: int, work: Callable[[], object]) -> float:
    """CPU time of one of `count`, the least of many rounds."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        rounds.append(time.process_time() - started)
    return min(rounds) / count * 1e6


def decode_all(values: Iterable[bytes], book: ReferenceBook | None) -> None:
    for value in values:
        decode(value, BROKER_MS, book)


def test_decoding_by_kind_of_event(simulated: dict[str, list[bytes]]):
    for kind, values in sorted(simulated.items(), key=lambda found: -len(found[1])):
        each = microseconds_each(len(values), lambda values=values: decode_all(values, None))
        size = sum(map(len, values)) / len(values)
        print(f"\n{kind:32s} {len(values):5d} of {size:5.0f} B {each:6.2f} us", end="")
        assert each > 0.0


def test_decoding_the_mix_and_its_steps(simulated: dict[str, list[bytes]]):
    values = [value for found in simulated.values() for value in found]
    calls = [decode_call(value) for value in values]
    book = ReferenceBook()
    for _, record in plan_for(EVENTS).reference():
        book.update(record)
    records = [StoredRecord(at, BROKER_MS, None, value) for at, value in enumerate(values)]
    steps: dict[str, Callable[[], object]] = {
        "all the way to the log": lambda: Router(0, PARTITIONS, book).route(records),
        "all": lambda: decode_all(values, None),
        "all, with the reference": lambda: decode_all(values, book),
        "JSON to a call": lambda: [decode_call(value) for value in values],
        "its time": lambda: [event_time(call, BROKER_MS) for call in calls],
        "its ids": lambda: [identify(call, is_alias=False) for call in calls],
    }
    for name, step in steps.items():
        each = microseconds_each(len(values), step)
        print(f"\n{name:32s} {each:6.2f} us", end="")
        assert each > 0.0


def test_a_known_price_against_its_conversion():
    prices = [cent / 100 for cent in range(0, 100_000, 37)] * 10
    known = KnownPrices("$.price")
    looked_up = microseconds_each(len(prices), lambda: [known[price] for price in prices])
    converted = microseconds_each(len(prices), lambda: [micros(price, "$") for price in prices])
    print(f"\na price looked up {looked_up:.3f} us, converted {converted:.3f} us", end="")
    assert len(known) > 0
