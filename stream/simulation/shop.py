"""The simulated shop: its time, its agenda of what customers will do, and the log that it writes.

The agenda is a heap of (instant, customer, number, action): each customer has its next visit,
message and store purchase on it, and what follows from past ones (refunds, opened messages). An
action writes events at its instant or later, so what was received before the agenda's first entry
is complete and can leave: memory holds the customers, the agenda and the events under way.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from stream.clock import DAY_MS, NEVER_MS, SECOND_MS
from stream.simulation.catalogue import Catalogue
from stream.simulation.customers import Customer
from stream.simulation.population import population
from stream.simulation.rhythm import Rhythm
from stream.simulation.seasons import seasons_between
from stream.simulation.seeds import FAULTS, INDEX_MAX, SCENE, STEP_MAX, seed_of

if TYPE_CHECKING:
    from stream.simulation.scene import Scene

Action = Callable[["Scene", Any], None]
"""What a customer does at an instant, with what the agenda kept for it."""

SHELF_MS = 2 * SECOND_MS
"""Events leave in order by shelves of so much of `received_ms`, each sorted once: short, so that
live traffic of thousands a second comes evenly."""

CUSTOMERS_MAX = 10_000_000
"""About 1.4 KB a customer who has come: 14 GB. A typo, rather than a shop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficConfig:
    """What to simulate.

    Parameters
    ----------
    seed, customers
        The same seed gives the same customers, whatever their number: customer 7 of 10 does what
        customer 7 of 10,000 does.
    start_ms, days
        The span of `received_ms`. A longer one begins with the shorter one's events.
    surge_ms, surge
        From this instant on the shop's time runs `surge` times as fast: customers come more
        often, messages are opened sooner, goods come back sooner; the clock of events does not.
    hurry
        From `surge_ms` on, customers think this many times faster within a visit.
    types
        Shares of customer types by name; the others keep their proportions in what is left.
    logins
        Share of customers who have an account; None: as the types say.
    duplicates, late
        Share of events sent twice (same `messageId`, received later), and of events received
        minutes to hours after they happened.
    malformed
        Broken events for each good one, written in addition.
    skewed
        Share of devices whose clock is off by half a minute to half a day.
    """

    seed: int = 1
    customers: int = 2_000
    start_ms: int
    days: float = 7.0
    surge_ms: int = NEVER_MS
    surge: float = 1.0
    hurry: float = 1.0
    types: tuple[tuple[str, float], ...] = ()
    logins: float | None = None
    duplicates: float = 0.0
    late: float = 0.0
    malformed: float = 0.0
    skewed: float = 0.03

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 1 << 63:
            raise ValueError(f"seed {self.seed} is not within 0 and 2^63")
        if not 1 <= self.customers <= CUSTOMERS_MAX:
            raise ValueError(f"{self.customers} customers; 1 to {CUSTOMERS_MAX:,} can be simulated")
        if self.days <= 0 or self.surge < 1 or self.hurry < 1:
            raise ValueError("days must be above 0, surge and hurry at least 1")
        for name in ("duplicates", "late", "malformed", "skewed"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} {getattr(self, name)} is no share from 0 to 1")
        population(self.types, self.logins)

    @property
    def end_ms(self) -> int:
        """The first instant after the traffic."""
        return self.start_ms + round(self.days * DAY_MS)


class SimulatedEvent(msgspec.Struct, frozen=True, gc=False):
    """A record for the topic `events`, and what the simulator knows of it.

    value, key      the bytes to send; `key` is `userId`, else `anonymousId`
    time_ms         event time, as decoding will find it from the envelope's four instants
    received_ms     when the collector received it; events come in this order
    customer        index of the customer, as in the truth file
    kind            one of `envelopes.KINDS`
    fault           None, "duplicate", "late", or "malformed:" and how
    """

    value: bytes
    key: bytes
    time_ms: int
    received_ms: int
    customer: int
    kind: str
    fault: str | None = None


class Shop:
    """The state of one run. One `Random`, seeded anew for each scene, serves all customers."""

    def __init__(self, config: TrafficConfig) -> None:
        self.config = config
        self.catalogue = Catalogue(config.seed, config.start_ms, config.end_ms)
        self.rhythm = Rhythm(config.start_ms, config.surge_ms, config.surge)
        self.seasons = tuple(seasons_between(config.start_ms, config.end_ms))
        self.random = Random()
        self.fault_random = Random()
        self.is_faulty = config.duplicates + config.late + config.malformed > 0.0
        self.customers: dict[int, Customer] = {}
        self._agenda: list[tuple[int, int, int, Action, Any]] = []
        self._entries = 0
        self._shelves: dict[int, list[tuple[int, int, int, SimulatedEvent]]] = {}
        self._shelf_numbers: list[int] = []
        self._written = 0

    def customer(self, index: int) -> Customer:
        """The customer, drawn at its first scene and kept."""
        customer = self.customers.get(index)
        if customer is None:
            customer = draw_customer(self.config, index, self.random)
            self.customers[index] = customer
        return customer

    def seed_scene(self, customer: Customer) -> None:
        """Give the next scene of a customer its own randomness."""
        step = customer.scenes % STEP_MAX
        customer.scenes += 1
        self.random.seed(seed_of(self.config.seed, SCENE, customer.index, step))
        if self.is_faulty:
            self.fault_random.seed(seed_of(self.config.seed, FAULTS, customer.index, step + 1))

    def schedule(self, time_ms: int, index: int, action: Action, matter: Any = None) -> None:
        """Put an action on the agenda, unless the traffic ends before it."""
        if time_ms < self.config.end_ms:
            self._entries += 1
            heapq.heappush(self._agenda, (time_ms, index, self._entries, action, matter))

    def write(self, event: SimulatedEvent) -> None:
        """Put an event on its shelf."""
        received_ms = event.received_ms
        number = received_ms // SHELF_MS
        self._written += 1
        entry = (received_ms, event.customer, self._written, event)
        shelf = self._shelves.get(number)
        if shelf is None:
            self._shelves[number] = [entry]
            heapq.heappush(self._shelf_numbers, number)
        else:
            shelf.append(entry)

    def next_entry(self) -> tuple[int, int, Action, Any] | None:
        """Take the agenda's first entry: instant, customer, action, and what it is about."""
        if not self._agenda:
            return None
        time_ms, index, _, action, matter = heapq.heappop(self._agenda)
        return time_ms, index, action, matter

    def full_shelves(self, until_ms: int) -> Iterator[SimulatedEvent]:
        """Take the events of the shelves that end by `until_ms`, in order, within the span."""
        numbers, end_ms = self._shelf_numbers, self.config.end_ms
        while numbers and numbers[0] < until_ms // SHELF_MS:
            shelf = self._shelves.pop(heapq.heappop(numbers))
            shelf.sort()
            for received_ms, _, _, event in shelf:
                if received_ms < end_ms:
                    yield event


def draw_customer(config: TrafficConfig, index: int, random: Random) -> Customer:
    """A customer as the seed has it, with the clocks of its devices."""
    assert 0 <= index < INDEX_MAX
    customer = Customer(config.seed, index, random, population(config.types, config.logins))
    random.seed(seed_of(config.seed, FAULTS, index))
    for device in customer.devices:
        if random.random() < config.skewed:
            # Half a minute to half a day, evenly by magnitude, ahead or behind.
            size_ms = 30_000 * 1440 ** random.random()
            device.skew_ms = int(size_ms) * random.choice((-1, 1))
    return customer
