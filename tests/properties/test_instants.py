"""Memberships turn at the very instants at which the plain chronicle's do, and at no others.

Random definitions of the whole language over random lives; the clock is taken to a second before
each flip, to it, to a second after it, and to random instants.
"""

from __future__ import annotations

from copy import deepcopy
from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stream.events.records import Link
from tests.engine.lane import Lane
from tests.form import examples
from tests.properties.chronicle import TOP, UNSURE, Chronicle, Told
from tests.properties.defined import Defined, defined, file_of
from tests.properties.interpreter import DAY, HOUR, SECOND, Happened
from tests.properties.spoken import Speaker, record, story

seeds = st.integers(0, 2**32)


def lane_of(content: bytes) -> Lane:
    lane = Lane(content)
    lane.thresholds(0, p90=TOP)
    return lane


def told(lane: Lane, customer: str = "a") -> list[Told]:
    return [
        Told(one.segment, one.entered, one.time_ms, one.cause, one.at_ms)
        for one in lane.changes
        if one.customer == customer
    ]


def expect_turns(lane: Lane, expected: list[Told], customer: str = "a") -> None:
    """The same turns at the same instants for the same causes; at one instant in any order."""

    def place(turn: Told) -> tuple[int, str]:
        return turn.time_ms, turn.segment

    found, wanted = sorted(told(lane, customer), key=place), sorted(expected, key=place)
    for number, turn in enumerate(wanted):
        if turn.at_ms == UNSURE and number < len(found):
            at_ms = found[number].at_ms
            assert at_ms is None or at_ms < turn.time_ms
            found[number] = found[number]._replace(at_ms=UNSURE)
    assert found == wanted


def expect_members(lane: Lane, plain: Chronicle, customer: str = "a") -> None:
    assert set(lane.segments(customer)) == set(plain.members), plain.now_ms


def flips_of(definitions: list[Defined], events: list[Happened], end_ms: int) -> set[int]:
    """When the truth of any definition turns in a life that is told in order."""
    plain = Chronicle(definitions)
    for event in events:
        plain.hear(event)
    plain.advance(end_ms)
    return plain.flips


def around(flips: set[int]) -> set[int]:
    return {flip + by for flip in flips for by in (-SECOND, -1, 0, 1, SECOND)}


@given(seeds)
@settings(derandomize=True, max_examples=examples(40), deadline=None, phases=(Phase.generate,))
def test_at_every_flip_and_a_second_to_either_side_members_are_the_chronicles(seed: int):
    random = Random(seed)
    (definitions, content), events = defined(random), story(random)
    begin_ms, end_ms = events[0].time_ms, events[-1].time_ms + 40 * DAY
    instants = around(flips_of(definitions, events, end_ms)) | {end_ms}
    instants |= {random.randrange(begin_ms, end_ms) for _ in range(20)}
    driven, seldom, plain = lane_of(content), lane_of(content), Chronicle(definitions)
    steps: list[tuple[int, int]] = [(event.time_ms, n) for n, event in enumerate(events)]
    steps += [(at_ms, len(events)) for at_ms in instants if at_ms > begin_ms]
    for at_ms, number in sorted(steps):
        if number < len(events):
            plain.hear(events[number])
            driven.put("a", record(events[number], number))
            seldom.put("a", record(events[number], number))
        else:
            plain.advance(at_ms)
            driven.tick(at_ms)
            if random.random() < 0.05:
                seldom.tick(at_ms)
                seldom.engine = seldom.restored()
        expect_members(driven, plain)
    seldom.tick(end_ms)
    for lane in (driven, seldom):
        expect_turns(lane, plain.turns)
        assert lane.counts().dead == 0


class Late:
    """A life that is heard of late and twice, by the engine and plainly."""

    def __init__(self, random: Random, said: tuple[list[Defined], bytes]) -> None:
        self.random = random
        self.definitions, content = said
        self.lane, self.plain = lane_of(content), Chronicle(self.definitions)
        self.clock_ms = 0

    def settle(self, clock_ms: int) -> None:
        """Let the clock go there, or on by the least that it can."""
        self.clock_ms = max(self.clock_ms + 1, clock_ms)
        self.lane.tick(self.clock_ms)
        self.plain.advance(self.clock_ms)
        expect_members(self.lane, self.plain)

    def hear(self, event: Happened, number: int) -> None:
        own_ms = self.own_ms()
        sent = record(event, number)
        self.lane.put("a", *([sent] if self.random.random() < 0.8 else [sent, sent]))
        self.plain.hear(event, own_ms)
        assert self.own_ms() == max(own_ms, event.time_ms)
        if self.plain.now_ms < self.clock_ms:  # what is due since then fires with the next tick
            self.settle(self.clock_ms)
        expect_members(self.lane, self.plain)

    def own_ms(self) -> int:
        """The customer's own time: of applied events, fired timers and visits that have ended."""
        row = self.lane.engine.store.get(b"a")
        own_ms = 0 if row is None else row.time_ms
        known = [event.time_ms for event in self.plain.events]
        turned = [turn.time_ms for turn in self.plain.turns]
        assert own_ms >= max([0, *known, *turned])
        assert own_ms in {0, *known, *turned, *(at_ms + HOUR // 2 for at_ms in known)}
        return own_ms

    def look_ahead(self, by_ms: int) -> None:
        """Go to what will turn within a time, as far as is known: to a second around each of it."""
        begin_ms = max(self.clock_ms, self.plain.now_ms)
        coming = deepcopy(self.plain)
        coming.advance(begin_ms + by_ms)
        flips = coming.flips
        near = sorted(at_ms for at_ms in around(flips) if begin_ms < at_ms <= begin_ms + by_ms)
        for at_ms in near[: 5 * self.random.randrange(4)]:
            self.settle(at_ms)
        if self.random.random() < 0.5:
            self.settle(begin_ms + self.random.randrange(by_ms))


def lateness(random: Random, event: Happened) -> int:
    """When an event arrives; what is said of the customer is in time: who says it last is right."""
    if event.name == "identified" or random.random() < 0.6:
        return event.time_ms
    return event.time_ms + random.randrange(random.choice([HOUR, 3 * DAY, 12 * DAY]))


@given(seeds)
@settings(derandomize=True, max_examples=examples(50), deadline=None, phases=(Phase.generate,))
def test_what_comes_late_or_twice_turns_memberships_at_once_and_says_since_when(seed: int):
    random = Random(seed)
    life, events = Late(random, defined(random, 6)), story(random, 15)
    for number, event in sorted(enumerate(events), key=lambda one: lateness(random, one[1])):
        life.hear(event, number)
        if random.random() < 0.5:
            life.look_ahead(2 * DAY)
    life.look_ahead(40 * DAY)
    life.settle(max(event.time_ms for event in events) + 60 * DAY)
    expect_turns(life.lane, life.plain.turns)
    assert life.lane.counts().dead == 0


@given(seeds)
@settings(derandomize=True, max_examples=examples(120), deadline=None, phases=(Phase.generate,))
def test_where_nothing_else_came_since_a_late_change_says_when_it_would_have_been_told(seed: int):
    """Of a life whose last event is late: the instant in the same life when told in order."""
    random = Random(seed)
    life, events = Late(random, timed(random)), story(random, 10)
    *others, last = events
    for number, event in enumerate(others):
        life.hear(event, number)
    life.settle(last.time_ms + random.randrange(HOUR, 20 * DAY))
    before = len(life.plain.turns)
    life.hear(last, len(others))
    in_order = Chronicle(life.definitions)
    for event in events:
        in_order.hear(event)
    in_order.advance(life.plain.now_ms)
    for turn in life.plain.turns[before:]:
        known = [one for one in in_order.turns if one.time_ms <= turn.time_ms]
        wanted = [one for one in known if one.segment == turn.segment]
        if turn.cause == "timer" or turn.at_ms == UNSURE or not wanted:
            continue
        assert turn.entered == wanted[-1].entered
        if wanted[-1].time_ms >= last.time_ms:
            assert (turn.at_ms or turn.time_ms) == wanted[-1].time_ms
    expect_turns(life.lane, life.plain.turns)


@given(seeds)
@settings(derandomize=True, max_examples=examples(40), deadline=None, phases=(Phase.generate,))
def test_who_becomes_known_goes_on_as_one_person_at_every_flip(seed: int):
    """Two ids, a link between them, and what still comes for the first one."""
    random = Random(seed)
    definitions, content = defined(random)
    events = [event for event in story(random, 16) if event.name != "identified"]
    lane, anon, known = lane_of(content), Chronicle(definitions), Chronicle(definitions)
    joins_at = random.randrange(1, len(events))
    for number, event in enumerate(events):
        if number == joins_at:
            at_ms = event.time_ms - 1
            lane.put("a", Link(target="b", time_ms=at_ms, received_ms=at_ms))
            lane.deliver()
            if anon.events:
                anon.advance(at_ms)
                known.take_over(anon, at_ms)
        whose = random.choice("ab")
        lane.put(whose, record(event, number))
        lane.deliver()
        (anon if whose == "a" and number < joins_at else known).hear(event)
    end_ms = events[-1].time_ms + 40 * DAY
    coming = deepcopy(known)
    coming.advance(end_ms)
    for at_ms in sorted(around(coming.flips) | {end_ms}):
        if at_ms > events[-1].time_ms:
            lane.tick(at_ms)
            known.advance(at_ms)
            expect_members(lane, known, "b")
    expect_turns(lane, known.turns, "b")
    expect_turns(lane, anon.turns, "a")


def timed(random: Random) -> tuple[list[Defined], bytes]:
    """Definitions that time turns, each for itself."""
    speaker, found = Speaker(random), []
    for number in range(8):
        word = random.choice([" and ", " or ", " and not "])
        text = word.join(speaker.timed() for _ in range(random.choice([1, 1, 2])))
        found.append(Defined(f"s{number}", text))
    return found, file_of(found)
