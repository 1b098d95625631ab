"""What is latent in the simulated shop's customers, against the segments that mean it.

`python -m tests.simulation.claims` prints the whole table (`make found`).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from stream.backtest.observer import Observer
from stream.clock import DAY_MS, instant_ms
from stream.engine.settings import EngineSettings
from stream.events.envelope import decode
from stream.shell.definition_file import read_definitions
from stream.simulation.offline import Offline
from stream.simulation.traffic import SimulatedEvent, TrafficConfig, generate, truths

CONFIG = TrafficConfig(seed=7, customers=300, start_ms=instant_ms("2026-09-28T00:00:00Z"), days=91)
"""A quarter of a year, with Black Friday and Christmas."""

MATURED_MS = 30 * DAY_MS


@dataclass
class Heard:
    """What the log says of one customer, counted from the events alone, and the truth.

    counts      events by kind; orders also as "web orders", "store orders", "orders of CATEGORY",
                "orders in MONTH", and "matured orders", as old as returns take
    member_of, was_member_of   segments at the end, and at any time
    """

    truth: dict[str, Any]
    ids: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    member_of: set[str] = field(default_factory=set)
    was_member_of: set[str] = field(default_factory=set)

    def is_type(self, *names: str) -> bool:
        return self.truth["type"] in names

    def habit(self, name: str) -> Any:
        return self.truth["habits"][name]

    def parameter(self, name: str) -> Any:
        return self.truth["parameters"][name]


Test = Callable[[Heard], bool]


@dataclass(frozen=True)
class Claim:
    """A segment means that a customer is something.

    is_so         the truth
    can_be_known  whether the log holds the least that the segment asks for: recall is of these
    precision, recall   what is to be expected at least, reckoned from the parameters (`claims.py`)
    ever          whether anybody is meant who was a member at any time
    """

    segment: str
    meaning: str
    is_so: Test
    can_be_known: Test
    precision: float = 0.0
    recall: float = 0.0
    ever: bool = False


@dataclass(frozen=True)
class Score:
    claim: Claim
    members: int
    latent: int
    knowable: int
    customers: int
    precision: float | None
    recall: float | None

    @property
    def lift(self) -> float | None:
        """Precision against what picking customers at random would have."""
        share = self.latent / self.customers
        return None if self.precision is None or not share else self.precision / share


def hear(config: TrafficConfig, definitions: bytes) -> list[Heard]:
    """Run the definitions over the traffic; the customers of whom anything was heard."""
    events = list(generate(config))
    heard = _heard(config, events)
    offline = Offline(EngineSettings(), definitions)
    observer = Observer(0)
    decoded = [decode(event.value, event.received_ms, None) for event in events]
    decoded.sort(key=lambda event: event.time_ms)
    for event in decoded:
        observer.take(offline.apply(event))
    observer.take(offline.finish(config.end_ms))
    segments = list(observer.stays)
    for one in heard:
        own = {offline.customer_of(ident) for ident in one.ids} | one.ids
        for segment in segments:
            if own & observer.members(segment).keys():
                one.member_of.add(segment)
            if own & observer.present(segment):
                one.was_member_of.add(segment)
    return heard


def _heard(config: TrafficConfig, events: Iterable[SimulatedEvent]) -> list[Heard]:
    everybody = [Heard(truth) for truth in truths(config)]
    owners: Counter[str] = Counter()
    for event in events:
        one = everybody[event.customer]
        ident = event.key.decode()
        if ident not in one.ids:
            one.ids.add(ident)
            owners[ident] += 1
        one.counts[event.kind] += 1
        if event.kind == "Order Completed":
            _count_order(one.counts, event, config)
        elif event.kind == "Checkout Step Viewed" and b'"shipping":4.95' in event.value:
            one.counts["shipping shown"] += 1
        elif event.kind == "Checkout Step Completed" and b'"express"' in event.value:
            one.counts["express chosen"] += 1
        elif event.kind == "Product Viewed" and b'"out_of_stock"' in event.value:
            one.counts["sold out viewed"] += 1
    for one in everybody:
        # A device of two people is one customer's at a time: nobody can tell whose.
        one.ids = {ident for ident in one.ids if owners[ident] == 1}
    return [one for one in everybody if one.ids]


def _count_order(counts: Counter[str], event: SimulatedEvent, config: TrafficConfig) -> None:
    order = orjson.loads(event.value)["properties"]
    channel = order["channel"]
    counts["store orders" if channel == "store" else f"{channel} orders"] += 1
    counts["online orders"] += channel in {"web", "app"}
    counts["matured orders"] += event.time_ms < config.end_ms - MATURED_MS
    for category in {line["category"] for line in order["products"]}:
        counts[f"orders of {category}"] += 1


def score(claim: Claim, heard: list[Heard]) -> Score:
    """Precision of the members, recall of those who can be known."""
    members = [
        one
        for one in heard
        if claim.segment in (one.was_member_of if claim.ever else one.member_of)
    ]
    latent = [one for one in heard if claim.is_so(one)]
    knowable = [one for one in latent if claim.can_be_known(one)]
    found = {id(one) for one in members}
    right = sum(claim.is_so(one) for one in members)
    recalled = sum(id(one) in found for one in knowable)
    return Score(
        claim,
        len(members),
        len(latent),
        len(knowable),
        len(heard),
        right / len(members) if members else None,
        recalled / len(knowable) if knowable else None,
    )


def table(scores: Iterable[Score]) -> str:
    """The scores as a table of Markdown."""
    lines = [
        "| segment | means | members | latent, knowable | precision | lift | recall |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for found in scores:
        claim = found.claim
        when = " (at any time)" if claim.ever else ""
        precision, recall = _percent(found.precision), _percent(found.recall)
        lift = "" if found.lift is None else f"{found.lift:.1f}"
        lines.append(
            f"| `{claim.segment}`{when} | {claim.meaning} | {found.members} | {found.latent}, "
            f"{found.knowable} | {precision} | {lift} | {recall} |"
        )
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def main(claims: Sequence[Claim]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=CONFIG.customers)
    parser.add_argument("--days", type=float, default=CONFIG.days)
    parser.add_argument("--seed", type=int, default=CONFIG.seed)
    config = replace(CONFIG, **vars(parser.parse_args()))
    heard = hear(config, read_definitions(None))
    present = {segment for one in heard for segment in one.was_member_of}
    print(f"{len(heard)} customers heard of, {config.days:g} days\n")
    print(table(score(claim, heard) for claim in claims))
    print("\nnever entered:", ", ".join(sorted({c.segment for c in claims} - present)) or "none")
