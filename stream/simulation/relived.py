"""A history lived again under definitions, with an observer that looks on.

Here from events in the order of their time; `relived_log.py` does it from the customer log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from stream.backtest.coverage import Coverage, Standing, actionable_names, coverage
from stream.backtest.observer import Observer
from stream.backtest.sampling import place_of
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.decoded import Decoded
from stream.events.envelope import RejectedEventError
from stream.events.records import PATH_MAX
from stream.segments.pack import Pack, load_pack
from stream.simulation.offline import Offline

Standings = dict[str, Standing]
Told = Callable[[int], None]
"""Hears how many records have been taken."""


class Relived(msgspec.Struct, frozen=True):
    """What is left of a run when it has ended: no rows, only what was observed and who is who.

    begin_ms, end_ms  the period that figures are of
    before, after     what every id stood for at both ends
    rejected          events that no record can hold, as (reason, customer)
    unknown           percentiles that the definitions ask for and the history never told
    """

    observer: Observer
    pack: Pack
    begin_ms: int
    end_ms: int
    before: Standings
    after: Standings
    rejected: tuple[tuple[RejectedEventError, str], ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def customers(self) -> int:
        """Different people at the end, as far as they are known to be the same."""
        return sum(s.forward_to is None and s.events > 0 for s in self.after.values())

    def coverage(self) -> Coverage:
        """Customers and revenue of the period in no actionable segment."""
        names = actionable_names(self.pack.definitions.values())
        observer = self.observer
        return coverage(
            names,
            self.before,
            self.after,
            set().union(*(observer.members(name) for name in names)),
            set().union(*(observer.present(name) for name in names)),
        )


def standings(engines: Iterable[PartitionEngine]) -> Standings:
    """What every id stands for as of the last batch; unpacks every row."""
    found: Standings = {}
    for engine in engines:
        for key, row in engine.store.rows():
            revenue_micros = 0 if row.orders is None else row.orders.revenue_micros
            found[key.decode()] = Standing(row.forward_to, row.events, revenue_micros)
    return found


def sampled(events: Sequence[Decoded], share: float) -> list[Decoded]:
    """The events of this share of the customers, 0 to 1.

    An anonymous id goes with the first customer that it is linked to, so that a person is in the
    sample with all that is known of them, or not at all.
    """
    first: dict[str, str] = {}
    for decoded in events:
        for lesser, key in decoded.links:
            first.setdefault(lesser, key)
    chosen: dict[str, bool] = {}
    found = []
    for decoded in events:
        key = decoded.key
        if key not in chosen:
            person = key
            for _ in range(PATH_MAX):
                person = first.get(person, person)
            chosen[key] = place_of(person) < share
        if chosen[key]:
            found.append(decoded)
    return found


def relive_events(
    events: Sequence[Decoded],
    definitions: bytes,
    period: tuple[int | None, int | None],
    explained: frozenset[str] | None = frozenset(),
    told: Told | None = None,
) -> Relived:
    """Live events again that are in the order of their time.

    Parameters
    ----------
    period
        From when on figures count, and up to when there is time; None: all there is. What is
        before the period makes the rows as they were at its beginning.
    explained
        As in `Observer`.
    """
    from_ms, until_ms = period
    offline = Offline(EngineSettings(), definitions)
    observer = Observer(from_ms or 0, explained)
    rejected: list[tuple[RejectedEventError, str]] = []
    before: Standings | None = {} if from_ms is None else None
    last_ms = 0
    for number, decoded in enumerate(events):
        time_ms = decoded.time_ms
        if until_ms is not None and time_ms > until_ms:
            break
        if before is None and time_ms >= observer.start_ms:
            observer.take(offline.finish(observer.start_ms - 1))
            before = standings(offline.engines)
        try:
            observer.take(offline.apply(decoded))
        except RejectedEventError as error:
            rejected.append((error, decoded.key))
        last_ms = time_ms
        if told is not None and not number & 0xFFF:
            told(number)
    observer.take(offline.finish(until_ms))
    after = standings(offline.engines)
    end_ms = max(last_ms, until_ms or 0)
    return Relived(
        observer=observer,
        pack=load_pack(definitions),
        begin_ms=events[0].time_ms if from_ms is None and events else min(from_ms or 0, end_ms),
        end_ms=end_ms,
        before=after if before is None else before,
        after=after,
        rejected=tuple(rejected),
    )
