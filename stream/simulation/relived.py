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
from stream.segments.rules import CUSTOMER
from stream.simulation.offline import Offline

Standings = dict[str, Standing]
Told = Callable[[int], None]
"""Hears how many records have been taken."""


class Relived(msgspec.Struct, frozen=True):
    """What is left of a run when it has ended: no rows, only what was observed and who is who.

    definitions       the text of those that were in force; of a log, of its last ones
    begin_ms, end_ms  the period that figures are of
    before, after     what every id stood for at both ends
    rejected          events that no record can hold, as (reason, customer)
    unknown           percentiles that the definitions ask for and the history never told
    hidden            segments that a log kept in shadow: they have no figures
    """

    observer: Observer
    definitions: bytes
    begin_ms: int
    end_ms: int
    before: Standings
    after: Standings
    rejected: tuple[tuple[RejectedEventError, str], ...] = ()
    unknown: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    @property
    def pack(self) -> Pack:
        """The definitions, compiled."""
        return load_pack(self.definitions)

    @property
    def customers(self) -> frozenset[str]:
        """Different people at the end, as far as they are known to be the same, that count."""
        return frozenset(name for name, standing in self.after.items() if standing.is_customer)

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


def standings(engines: Iterable[PartitionEngine], definitions: bytes | None) -> Standings:
    """What every id stands for as of the last batch; unpacks every row."""
    pack = None if definitions is None else load_pack(definitions)
    is_asked = pack is not None and pack.document.customer is not None
    found: Standings = {}
    for engine in engines:
        for key, row in engine.store.rows():
            counts = row.events > 0 and (not is_asked or CUSTOMER in row.shadows)
            revenue_micros = 0 if row.orders is None else row.orders.revenue_micros
            found[key.decode()] = Standing(
                row.forward_to, counts and row.forward_to is None, revenue_micros
            )
    return found


def out_of_shadow(definitions: bytes) -> bytes:
    """The definitions with none in shadow: what they would tell, they do tell."""
    document = load_pack(definitions).document
    if not any(definition.shadow for definition in document.segments):
        return definitions
    shown = tuple(msgspec.structs.replace(d, shadow=False) for d in document.segments)
    # JSON is YAML.
    return msgspec.json.encode(msgspec.structs.replace(document, segments=shown))


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
    offline = Offline(EngineSettings(), out_of_shadow(definitions))
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
            before = standings([offline.engine], definitions)
        try:
            observer.take(offline.apply(decoded))
        except RejectedEventError as error:
            rejected.append((error, decoded.key))
        last_ms = time_ms
        if told is not None and not number & 0xFFF:
            told(number)
    observer.take(offline.finish(until_ms))
    after = standings([offline.engine], definitions)
    end_ms = max(last_ms, until_ms or 0)
    return Relived(
        observer=observer,
        definitions=definitions,
        begin_ms=events[0].time_ms if from_ms is None and events else min(from_ms or 0, end_ms),
        end_ms=end_ms,
        before=after if before is None else before,
        after=after,
        rejected=tuple(rejected),
    )
