"""What segment definitions cost an event: the offline core under packs of several sizes.

A process of its own: TASK as JSON; prints the CPU microseconds of each arm, round and stretch of
events. Events are decoded before, so the figures are of ordering, folding and deciding. The arms
have their turns round by round, so that all of them meet the machine's slow minutes. Each round
does the same, and what disturbs only adds: an arm's figure is made of the least of each stretch.

Three logs: the simulator's whole mix; of it the records that no definition of `UNTOUCHED` reads;
and some of those as if each came from a customer of its own, whom nobody has decided before.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from stream.engine.settings import EngineSettings
from stream.events.decoded import Decoded
from stream.segments.pack import load_pack
from stream.simulation.offline import Offline
from tests.bench.kinds import MIXED, UNTOUCHED, Kind
from tests.bench.log import LogPlan, plan_for
from tests.bench.musts import SLOPE
from tests.bench.offline import well_formed
from tests.bench.packs import is_touched, pack_of, pack_size
from tests.bench.parts import Context, Measured, Section, decoded_child
from tests.bench.report import Figure

NAME = "segments"
EVENTS_MAX = 20_000
"""Of a week, so that a customer has as many as in the log that contenders read."""

FIRST_MAX = 5_000
"""First events."""

COUNTS = (0, 50, 100)
"""Definitions whose slope is taken."""

STRETCH = 250
"""Events, some 5 ms: few of nine are disturbed all nine times."""

ROUNDS_MIN = 9
GROUPS = 3
"""Every third round gives a figure of its own: how far they differ is the spread."""


class Arm(msgspec.Struct, frozen=True):
    """A pack under a log.

    log       all, plain or first
    built_in  whether the built-in definitions are in it
    extra     definitions beside those, of `MIXED` in the log of all, else of `UNTOUCHED`
    """

    log: str
    built_in: bool
    extra: int

    @property
    def name(self) -> str:
        """What its figures go by between the processes."""
        return f"{self.log}, {'built-in' if self.built_in else 'alone'}, {self.extra}"

    def text(self) -> bytes:
        """Its definitions."""
        kinds: Sequence[Kind] = MIXED if self.log == "all" else UNTOUCHED
        return pack_of(kinds, self.extra, built_in=self.built_in)


NOTHING, BUILT_IN, WITH_MIXED = (
    Arm("all", built_in=False, extra=0),
    Arm("all", built_in=True, extra=0),
    Arm("all", built_in=True, extra=100),
)
ARMS = (
    *(NOTHING, BUILT_IN, WITH_MIXED),
    *(Arm("plain", built_in, extra) for built_in in (False, True) for extra in COUNTS),
    *(Arm("first", built_in, extra) for built_in in (False, True) for extra in COUNTS),
)

Rounds = list[list[float]]
"""CPU microseconds of an arm, of each round, by stretch; their sum is of an event."""

Found = dict[str, Rounds]


class Task(msgspec.Struct, frozen=True):
    plan: LogPlan
    rounds: int


def run(context: Context, _: list[str]) -> Measured:
    """One process, in which each arm has its turn in each round."""
    options = context.options
    events = min(options.events, EVENTS_MAX)
    task = Task(plan_for(events, None, options.mix), max(ROUNDS_MIN, options.runs))
    words = msgspec.json.encode(task).decode()
    with context.console.status("segments"):
        found = decoded_child(context.cores, Found, "tests.bench.segments", words)
    return Measured(figures_of(found))


def figures_of(found: Found) -> list[Figure]:
    """The section's figures, from the CPU time of each arm and round."""
    nothing, alone, mixed = (found[arm.name] for arm in (NOTHING, BUILT_IN, WITH_MIXED))
    extra = WITH_MIXED.extra
    return [
        _figure("no definitions", "order and fold alone", "us", _just, nothing),
        _figure("the built-in pack", f"{pack_size()} definitions, decided too", "us", _just, alone),
        _figure("the pack and 100 others", f"of {len(MIXED)} kinds", "us", _just, mixed),
        _figure(
            "with 100 others / the pack",
            "the whole of an event, ordering and folding in it",
            "x",
            lambda less, more: more / less,
            *(alone, mixed),
        ),
        _figure(
            "a further definition",
            "of mixed kind, which events touch",
            "us a definition",
            lambda less, more: (more - less) / extra,
            *(alone, mixed),
        ),
        _slope(SLOPE, "no others there; views, carts, orders", found, Arm("plain", False, 0)),
        _slope(f"{SLOPE}, beside the pack", "the same", found, Arm("plain", True, 0)),
        _slope(f"{SLOPE}, first events", "no others there", found, Arm("first", False, 0)),
        _slope(f"{SLOPE}, first, beside the pack", "the same", found, Arm("first", True, 0)),
    ]


def _slope(name: str, does: str, found: Found, base: Arm) -> Figure:
    """By how much ten definitions more make an event dearer, in per cent of what it costs."""
    arms = {extra: found[msgspec.structs.replace(base, extra=extra).name] for extra in COUNTS}
    tens = COUNTS[-1] / 10
    figure = _figure(
        name,
        does,
        "%",
        lambda none, most: (most / none - 1) * 100 / tens,
        *(arms[0], arms[COUNTS[-1]]),
    )
    figure.facts = {f"us with {extra}": _least(rounds) for extra, rounds in arms.items()}
    return figure


def _figure(
    name: str, does: str, unit: str, value_of: Callable[..., float], *arms: Rounds
) -> Figure:
    """What follows from the arms' costs, by all rounds and by each group of them."""
    groups = [[_least(rounds[group::GROUPS]) for rounds in arms] for group in range(GROUPS)]
    return Figure(
        section=NAME,
        name=name,
        does=does,
        unit=unit,
        value=value_of(*(_least(rounds) for rounds in arms)),
        runs=[value_of(*each) for each in groups],
    )


def _just(cost_us: float) -> float:
    return cost_us


def _least(rounds: Rounds) -> float:
    """The cost of an event, of each stretch in its best round."""
    return sum(map(min, zip(*rounds, strict=True)))


def cpu_us(decoded: Sequence[Decoded], definitions: bytes) -> tuple[list[float], int]:
    """CPU microseconds an event, by stretch, and the changes that the events made."""
    offline = Offline(EngineSettings(), definitions)
    changes = 0
    found = []
    for at in range(0, len(decoded), STRETCH):
        started_s = time.process_time()
        for one in decoded[at : at + STRETCH]:
            changes += len(offline.apply(one))
        if at + STRETCH >= len(decoded):
            changes += len(offline.finish())
        found.append((time.process_time() - started_s) / len(decoded) * 1e6)
    return found, changes


def measure(task: Task) -> Found:
    """CPU microseconds of each arm; a round before the others is not counted.

    What decides is compiled at its first use, which belongs to no event.
    """
    logs = _logs(task)
    texts = {arm: arm.text() for arm in ARMS}
    found: Found = {arm.name: [] for arm in ARMS}
    known: dict[Arm, int] = {}
    for turn in range(task.rounds + 1):
        for arm, text in texts.items():
            stretches_us, changes = cpu_us(logs[arm.log], text)
            assert known.setdefault(arm, changes) == changes, "a run left traces in the next"
            if turn:
                found[arm.name].append(stretches_us)
    for arm, changes in known.items():
        none = msgspec.structs.replace(arm, extra=0)
        assert arm.log == "all" or changes == known[none], "a definition is touched"
    return found


def _logs(task: Task) -> dict[str, list[Decoded]]:
    values = (event.value for event in task.plan.simulated())
    everything = sorted(well_formed(values, None), key=lambda one: one.time_ms)
    plain = untouching(everything)
    return {"all": everything, "plain": plain, "first": newcomers(plain[-FIRST_MAX:])}


def newcomers(decoded: Iterable[Decoded]) -> list[Decoded]:
    """The calls, each of a customer of its own."""
    replace = msgspec.structs.replace
    return [replace(one, key=f"{one.key}-{n}", links=()) for n, one in enumerate(decoded)]


def untouching(decoded: Iterable[Decoded]) -> list[Decoded]:
    """The calls whose record no definition of `UNTOUCHED` reads."""
    pack = load_pack(pack_of(UNTOUCHED, COUNTS[-1], built_in=False))
    return [one for one in decoded if one.record and not is_touched(pack, type(one.record))]


SECTION = Section(NAME, (NAME,), run)

if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.argv[1], type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(measure(wanted)))
