"""A history lived again: from events and from the log, whole and in part."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

import pytest

from stream.backtest.observer import Observer
from stream.backtest.sampling import place_of
from stream.clock import instant_ms
from stream.engine.effects import StoredRecord
from stream.events.records import decode_record
from stream.simulation.relived import Relived, relive_events, sampled
from stream.simulation.relived_log import LogEdit, LogRun
from stream.simulation.traffic import TrafficConfig, generate
from tests.engine.lane import BUILT_IN
from tests.engine.recorded import Recording
from tests.oracle.batch import customers_at
from tests.oracle.test_against_replay import read
from tests.state.shopping import DAY, START_MS

OTHER = BUILT_IN.replace(b"loyal_orders: 5", b"loyal_orders: 2")
PARTITIONS = 3


CONFIG = TrafficConfig(seed=4, customers=120, start_ms=START_MS, days=7, late=0)
RAW = [
    StoredRecord(offset, event.received_ms, event.key, event.value)
    for offset, event in enumerate(generate(CONFIG))
]


@cache
def recorded(content: bytes) -> Recording:
    """A week in order, and a month of silence."""
    run = Recording(PARTITIONS, content)
    run.feed(RAW)
    run.keep_time(START_MS + 40 * DAY)
    return run


def relived(run: Recording, edit: LogEdit, from_ms: int | None = None) -> Relived:
    """In batches of uneven sizes, the partitions in turns."""
    again = LogRun(edit, from_ms)
    for at in range(0, max(map(len, run.logs)), 701):
        for partition, log in enumerate(run.logs):
            if log[at : at + 701]:
                again.take(partition, log[at : at + 701])
    found = again.end()
    assert found is not None
    return found


def turns(observer: Observer, days: int = 60) -> dict[str, tuple[int, int]]:
    end_ms = START_MS + days * DAY
    begin_ms = min(observer.first_ms, end_ms)
    found = observer.figures(sorted(observer.stays), begin_ms, end_ms)
    return {f.segment: (f.entries, f.exits) for f in found if f.entries or f.exits}


def told(run: Recording) -> list[tuple[str, str, bool, int]]:
    """Segment, customer, direction and time of each change that the run itself told."""
    changes = [json.loads(line) for line in run.changes]
    return [
        (c["data"]["segment"], c["subject"], c["type"].endswith("entered"), instant_ms(c["time"]))
        for c in changes
    ]


def counted(changes: list[tuple[str, str, bool, int]]) -> dict[str, tuple[int, int]]:
    sums = Counter((segment, entered) for segment, _, entered, _ in changes)
    return {name: (sums[name, True], sums[name, False]) for name in {name for name, _ in sums}}


def test_a_log_as_it_was_gives_the_figures_of_its_changes():
    run = recorded(BUILT_IN)
    found = relived(run, LogEdit())
    assert turns(found.observer) == counted(told(run))
    assert found.pack.name == recorded_pack(run)
    assert (found.begin_ms, found.end_ms) == (first_ms(run), START_MS + 40 * DAY)


def recorded_pack(run: Recording) -> str:
    pack = run.engines[0].timeline.latest.pack
    assert pack is not None
    return pack.name


def first_ms(run: Recording) -> int:
    records = [decode_record(r.value or b"") for log in run.logs for r in log if r.key is not None]
    return min(record.time_ms for record in records)


def test_other_definitions_give_what_a_run_under_them_gave():
    """The log of a run under the built-in pack, against a run of its own under the others."""
    found = relived(recorded(BUILT_IN), LogEdit(definitions=OTHER))
    assert turns(found.observer) == counted(told(recorded(OTHER)))
    as_it_was = relived(recorded(BUILT_IN), LogEdit())
    assert turns(found.observer)["loyal"] > turns(as_it_was.observer).get("loyal", (0, 0))


def test_until_ends_a_log_in_time():
    run, until_ms = recorded(BUILT_IN), START_MS + 3 * DAY + 12_345
    found = relived(run, LogEdit(until_ms=until_ms))
    assert found.end_ms == until_ms
    assert turns(found.observer) == counted([c for c in told(run) if c[3] <= until_ms])


def test_a_sample_of_a_log_has_what_its_customers_had():
    run = recorded(BUILT_IN)
    found = relived(run, LogEdit(share=0.3))
    chosen = [c for c in told(run) if place_of(c[1]) < 0.3]
    assert turns(found.observer) == counted(chosen)
    assert 20 < len({c[1] for c in chosen}) < 100


def test_a_log_from_some_time_on_counts_what_comes_then():
    run, from_ms = recorded(BUILT_IN), START_MS + 4 * DAY
    found = relived(run, LogEdit(), from_ms)
    assert turns(found.observer) == counted([c for c in told(run) if c[3] >= from_ms])
    events = read([record.value or b"" for record in RAW])
    ends = [
        sum(customer.revenue for customer in customers_at(events, at_ms).values())
        for at_ms in (from_ms - 1, START_MS + 40 * DAY)
    ]
    assert found.coverage().revenue == pytest.approx((ends[1] - ends[0]) / 1e6, abs=0.01)


def test_percentiles_that_no_version_tells_are_named():
    asks = b"[{name: s, purpose: p, enter: percentile(orders.items) >= 0.7}]"
    found = relived(recorded(BUILT_IN), LogEdit(definitions=asks))
    assert found.unknown == ("orders.items:0.7",)
    assert not found.observer.stays


def test_a_log_without_definitions_needs_them():
    (log, *_) = recorded(BUILT_IN).logs
    bare = [r for r in log if r.key is not None][:50]
    run = LogRun(LogEdit(), None)
    run.take(0, bare)
    assert run.end() is None
    run = LogRun(LogEdit(definitions=BUILT_IN), None)
    run.take(0, bare)
    assert run.end() is not None


def events() -> list:
    from stream.events.envelope import decode  # noqa: PLC0415

    config = TrafficConfig(seed=6, customers=60, start_ms=START_MS, days=10)
    found = [decode(event.value, 0, None) for event in generate(config)]
    return sorted(found, key=lambda decoded: decoded.time_ms)


def test_the_beginning_of_a_period_changes_nothing_that_comes_after():
    """A period's beginning looks at all rows in between; the changes are those of a run through."""
    history, from_ms, end_ms = events(), START_MS + 5 * DAY, START_MS + 30 * DAY
    whole = relive_events(history, BUILT_IN, (None, end_ms), None)
    part = relive_events(history, BUILT_IN, (from_ms, end_ms), None)
    assert part.observer.turns == whole.observer.turns
    names = sorted(whole.observer.stays)
    sizes = [
        [f.size[-10:] for f in lived.observer.figures(names, lived.begin_ms, lived.end_ms)]
        for lived in (whole, part)
    ]
    assert sizes[0] == sizes[1]


def test_a_sample_holds_all_events_of_whom_it_holds():
    history = events()
    part = sampled(history, 0.4)
    people = {d.key for d in part}
    assert [d for d in history if d.key in people] == part
    assert 0.2 < len(people) / len({d.key for d in history}) < 0.6
    linked = {lesser: key for d in part for lesser, key in d.links}
    assert linked.keys() & {d.key for d in history} <= people


HIDDEN = b"""\
segments:
  - {name: seen, purpose: p, enter: orders.count >= 1}
  - {name: hidden, purpose: p, enter: "sessions.count >= 1", shadow: true}
"""


def test_a_definition_in_shadow_has_figures_and_keeps_its_version():
    found = relive_events(events(), HIDDEN, (None, None))
    spoken = relive_events(events(), HIDDEN.replace(b", shadow: true", b""), (None, None))
    assert turns(found.observer) == turns(spoken.observer)
    assert turns(found.observer)["hidden"][0] > 20
    assert found.pack.definitions["hidden"].shadow
    assert found.coverage() == spoken.coverage()


def test_who_counts_as_a_customer_is_what_the_definitions_say():
    """Buyers alone: the others are in no rate."""
    found = relive_events(events(), b"customer: orders.count >= 1\n" + HIDDEN, (None, None))
    everybody = relive_events(events(), HIDDEN, (None, None))
    assert len(found.customers) == len(everybody.observer.members("seen"))
    assert 0 < len(found.customers) < len(everybody.customers)
    assert found.coverage().customers == len(found.customers)


def test_what_a_log_kept_in_shadow_has_figures_under_given_definitions_only():
    run = recorded(HIDDEN)
    as_it_was, given = relived(run, LogEdit()), relived(run, LogEdit(definitions=HIDDEN))
    assert (as_it_was.hidden, given.hidden) == (("hidden",), ())
    assert "hidden" not in turns(as_it_was.observer)
    assert turns(as_it_was.observer)["seen"] == turns(given.observer)["seen"]
    assert turns(given.observer)["hidden"][0] > 20
