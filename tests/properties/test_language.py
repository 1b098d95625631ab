"""What the engine tells of random definitions and customers, against the plain interpreter."""

from __future__ import annotations

from random import Random
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stream.events.cloudevent import encode_change
from stream.events.records import Link
from stream.segments.pack import load_pack
from stream.segments.source import DefinitionError
from tests.engine.lane import Lane
from tests.properties.interpreter import DAY, HOUR, Happened, Interpreter
from tests.properties.spoken import SETTINGS, Speaker, file_of, record, story
from tests.properties.test_engine import Run
from tests.state.shopping import MICROS, START_MS

BERLIN = ZoneInfo("Europe/Berlin")
TOP = 15
"""Revenue above which a customer is among the top tenth."""


class Said:
    """Random definitions: what they say, and whether they hold for a customer, asked plainly."""

    def __init__(self, random: Random, count: int = 4) -> None:
        self.enter: dict[str, str] = {}
        self.leave: dict[str, str] = {}
        while len(self.enter) < count:
            name = f"s{len(self.enter)}"
            enter, leave = dict(self.enter), dict(self.leave)
            enter[name] = Speaker(random).condition(list(self.enter))
            if random.random() < 0.3:
                leave[name] = Speaker(random).condition(list(self.enter))
            try:
                load_pack(file_of(enter, leave))
            except DefinitionError as error:
                if not any(said in str(error) for said in REFUSED):
                    raise
                continue
            self.enter, self.leave = enter, leave
        self.content = file_of(self.enter, self.leave)

    def verdict(self, name: str, plain: Interpreter) -> int:
        entering = plain.of(self.enter[name])
        leaving = plain.of(self.leave[name]) if name in self.leave else entering is False
        return -1 if leaving else 1 if entering else 0


REFUSED = (
    "divides by zero", "times as long", "compares a duration", "on both sides", "computes with",
    "compares a number with a duration",
)  # fmt: skip


class Told:
    """Memberships of one customer by the changes told."""

    def __init__(self, lane: Lane, customer: str) -> None:
        self.turns = [turn for turn in lane.turns if turn.customer == customer]

    def member(self, name: str, at_ms: int) -> bool:
        turns = [t for t in self.turns if t.segment == name and t.time_ms <= at_ms]
        return bool(turns) and turns[-1].entered


def asked(events: list[Happened], told: Told, at_ms: int) -> Interpreter:
    return Interpreter(
        events, at_ms, SETTINGS, BERLIN, lambda name: told.member(name, at_ms), TOP * MICROS
    )


def lane_of(said: Said) -> Lane:
    lane = Lane(said.content)
    lane.thresholds(0, p90=TOP)
    return lane


def expect_agreement(said: Said, told: Told, events: list[Happened], at_ms: int) -> set[int]:
    """Who is in by the interpreter is, who is out is not; when something may turn next."""
    plain = asked(events, told, at_ms)
    for name in said.enter:
        verdict = said.verdict(name, plain)
        if verdict:
            assert told.member(name, at_ms) == (verdict > 0), (name, at_ms - START_MS)
    return plain.marks


@given(st.integers(0, 2**32))
@settings(derandomize=True, max_examples=25, deadline=None, phases=(Phase.generate,))
def test_memberships_turn_when_the_interpreter_does_and_never_else(seed: int):
    random = Random(seed)
    said, events = Said(random), story(random)
    lane = lane_of(said)
    end_ms = events[-1].time_ms + 40 * DAY
    for number, event in enumerate(events):
        if random.random() < 0.5 and lane.log[-1].timestamp < event.time_ms - HOUR:
            lane.tick(event.time_ms - random.randrange(HOUR))
        lane.put("a", record(event, number))
    for _ in range(4):
        lane.tick(random.randrange(events[-1].time_ms, end_ms))
    lane.tick(end_ms)
    assert lane.counts().dead == 0
    told = Told(lane, "a")
    marks: set[int] = set()
    for event in events:
        marks |= expect_agreement(said, told, events, event.time_ms)
    marks |= expect_agreement(said, told, events, end_ms)
    begin_ms = events[0].time_ms
    near = {mark + by for mark in marks for by in (-1, 0, 1)}
    near |= {random.randrange(begin_ms, end_ms) for _ in range(20)}
    for at_ms in sorted(mark for mark in near if begin_ms <= mark <= end_ms):
        expect_agreement(said, told, events, at_ms)
    happened = {event.time_ms for event in events}
    for turn in told.turns:
        after = said.verdict(turn.segment, asked(events, told, turn.time_ms))
        assert after == (1 if turn.entered else -1)
        if turn.time_ms > begin_ms:  # nobody is asked before the first event
            before = said.verdict(turn.segment, asked(events, told, turn.time_ms - 1))
            assert before != after
        assert (turn.cause == "event") == (turn.time_ms in happened)


@given(st.integers(0, 2**32))
@settings(derandomize=True, max_examples=20, deadline=None, phases=(Phase.generate,))
def test_after_every_record_members_are_the_interpreters_whatever_comes_late_or_twice(seed: int):
    """As of what is known by then, at the row's own time; told times never go back."""
    random = Random(seed)
    said, events = Said(random), story(random, 14)
    lane = lane_of(said)
    arrived: list[Happened] = []
    numbered = sorted(enumerate(events), key=lambda one: lateness(random, one[1]))
    for number, event in numbered:
        sent = record(event, number)
        lane.put("a", *([sent] if random.random() < 0.8 else [sent, sent]))
        arrived.append(event)
        if random.random() < 0.3:
            lane.tick(max(e.time_ms for e in arrived) + random.randrange(2 * DAY))
        now_ms = lane.row("a").time_ms
        if now_ms < lane.engine.clock_ms:  # timers fire with the clock's next move
            now_ms = lane.engine.clock_ms + 1
            lane.tick(now_ms)
        expect_agreement(said, Told(lane, "a"), arrived, now_ms)
    times = [turn.time_ms for turn in lane.turns]
    assert times == sorted(times)
    for change in lane.changes:
        assert change.at_ms is None or change.at_ms < change.time_ms
    expect_same_in_batches(lane)


def lateness(random: Random, event: Happened) -> int:
    """When an event arrives; what is said of the customer is in time: who says it last is right."""
    if event.name == "identified" or random.random() < 0.7:
        return event.time_ms
    return event.time_ms + random.randrange(random.choice([HOUR, 3 * DAY]))


def expect_same_in_batches(lane: Lane) -> None:
    """Whole, in sevens, and by engines that are restored in between."""
    log = list(lane.log)
    told = [encode_change(change, "s") for change in lane.changes]
    for size, restore in ((5_000, False), (7, False), (7, True)):
        run = Run(log, size, restore=restore)
        assert sorted(run.changes) == sorted(told)


@given(st.integers(0, 2**32))
@settings(derandomize=True, max_examples=15, deadline=None, phases=(Phase.generate,))
def test_two_rows_of_one_person_are_as_one_from_the_merge_on(seed: int):
    random = Random(seed)
    said, events = Said(random), [e for e in story(random, 16) if e.name != "identified"]
    lane = lane_of(said)
    known: dict[str, list[Happened]] = {"a": [], "b": []}
    joins_at = random.randrange(2, len(events) - 1)
    for number, event in enumerate(events):
        if number == joins_at:
            lane.put("a", Link(target="b", time_ms=event.time_ms - 1, received_ms=event.time_ms))
            lane.deliver()
        customer = random.choice("ab")
        lane.put(customer, record(event, number))
        lane.deliver()
        known["b" if number >= joins_at else customer].append(event)
        if number >= joins_at:
            both = known["a"] + known["b"]
            now_ms = max(lane.row("b").time_ms, lane.engine.clock_ms)
            expect_agreement(said, Told(lane, "b"), both, now_ms)
    lane.tick(events[-1].time_ms + 20 * DAY)
    both = known["a"] + known["b"]
    expect_agreement(said, Told(lane, "b"), both, lane.engine.clock_ms)


@given(st.integers(0, 2**32))
@settings(derandomize=True, max_examples=15, deadline=None, phases=(Phase.generate,))
def test_of_a_past_that_was_not_kept_nothing_wrong_is_told(seed: int):
    """New definitions in the middle: what is told holds for the whole past, known or not."""
    random = Random(seed)
    first, then, events = Said(random, 2), Said(random, 4), story(random)
    lane = lane_of(first)
    edited_at = random.randrange(3, 12)
    begun_ms = events[edited_at].time_ms - 1
    for number, event in enumerate(events):
        if number == edited_at:
            lane.define(then.content, begun_ms)
        lane.put("a", record(event, number))
        if number >= edited_at:
            lane.tick(event.time_ms + 1)
    lane.tick(events[-1].time_ms + 60 * DAY)
    told = Told(lane, "a")
    for turn in told.turns:
        if turn.time_ms < begun_ms or turn.cause == "definition":
            continue
        plain = asked(events, told, turn.time_ms)
        if turn.entered:
            assert plain.of(then.enter[turn.segment]) is True
        elif turn.segment in then.leave:
            assert plain.of(then.leave[turn.segment]) is True
        else:
            assert plain.of(then.enter[turn.segment]) is False
    expect_same_in_batches(lane)
