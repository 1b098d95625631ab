"""The offline core on the same events, without Kafka and without files: decode, order, fold.

A process of its own: PLAN [profile], the plan of the log as JSON; prints a run as JSON, or where
the time goes.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import time
from collections.abc import Iterable, Iterator

import msgspec

from stream.engine.settings import EngineSettings
from stream.events.cloudevent import encode_change
from stream.events.decoded import Decoded
from stream.events.envelope import decode
from stream.events.reference import ReferenceBook
from stream.events.rejection import RejectedEventError
from stream.shell.definition_file import read_definitions
from stream.simulation.offline import Offline
from tests.bench.log import LogPlan
from tests.bench.machine import Cores, own_sample
from tests.bench.rates import Run, run_between

PROFILE_LINES = 40


def well_formed(values: Iterable[bytes], book: ReferenceBook | None) -> Iterator[Decoded]:
    """Decode what decodes: the mix may have broken events in it."""
    for value in values:
        try:
            yield decode(value, 0, book)
        except RejectedEventError:
            continue


def replay(values: list[bytes], book: ReferenceBook, definitions: bytes) -> Run:
    """What `shoal replay` does between reading lines and writing them."""
    cores, count = Cores(), len(values)
    first = own_sample(cores, 0)
    decoded = list(well_formed(values, book))
    decoded.sort(key=lambda one: one.time_ms)
    decoded_cpu_s = time.process_time()
    offline = Offline(EngineSettings(), definitions)
    changes = 0
    for one in decoded:
        for change in offline.apply(one):
            encode_change(change, "shop")
            changes += 1
    for change in offline.finish():
        encode_change(change, "shop")
        changes += 1
    last = own_sample(cores, count)
    assert first.cpu_s is not None
    assert last.cpu_s is not None
    run = run_between(first, last)
    run.facts = {
        "changes": float(changes),
        "decode CPU us": (decoded_cpu_s - first.cpu_s) / count * 1e6,
        "fold CPU us": (last.cpu_s - decoded_cpu_s) / count * 1e6,
        "customers": float(sum(len(engine.store.packed) for engine in [offline.engine])),
    }
    return run


def main(plan: LogPlan, *, profiles: bool) -> None:
    """Make the events, then measure or profile."""
    values = [event.value for event in plan.simulated()]
    book = ReferenceBook()
    for _, value in plan.reference():
        book.update(value)
    definitions = read_definitions(None)
    if not profiles:
        sys.stdout.buffer.write(msgspec.json.encode(replay(values, book, definitions)))
        return
    profile = cProfile.Profile()
    profile.runcall(replay, values, book, definitions)
    pstats.Stats(profile).sort_stats("tottime").print_stats(PROFILE_LINES)


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=LogPlan), profiles="profile" in sys.argv[2:])
