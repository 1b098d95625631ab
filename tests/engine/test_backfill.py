"""Measures that come late: what a backfill adds, and when the past is whole."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest

from stream.clock import DAY_MS
from stream.engine.past_log import PastRows, Survey
from stream.events.records import Backfill, Identified, Link, Record
from stream.segments.local_time import zone_of
from stream.segments.pack import load_pack
from stream.state.filled import pack_kept
from stream.state.kept import Tally
from tests.engine.lane import Lane, Turn, definitions
from tests.state.shopping import DAY, HOUR, START_MS, added, order, page

FORMER = definitions("name: x, enter: orders.count >= 99")
LATER = definitions(
    "name: keen, enter: 'count(product_added, within=30 * DAY) >= 3'",
    "name: idle, enter: 'count(product_added, within=30 * DAY) == 0'",
    "name: never, enter: 'count(order_completed) == 0'",
    "name: big, enter: 'sum(order_completed.revenue) >= 100'",
    "name: wide, enter: 'distinct(product_added.product, within=60 * DAY) >= 3'",
    "name: left, enter: 'sequence(product_added, then=not order_completed, within=1 * HOUR)'",
)
LATER_MS = START_MS + 10 * DAY


def link(target: str, time_ms: int) -> Link:
    return Link(target=target, time_ms=time_ms, received_ms=time_ms)


def pasts(lane: Lane, content: bytes = LATER, *, is_cut: bool = False, first: int = 0):
    """The backfills of a lane's log, from its record `first` on."""
    pack, kept_ms = load_pack(content), dict(lane.engine.timeline.latest.kept_ms)
    survey = Survey(kept_ms, is_cut=is_cut)
    survey.take(0, lane.log[first:])
    zone = zone_of(pack.document.timezone)
    rows = PastRows(
        survey.beginnings(0), pack.measures, zone, kept_ms, survey.forwarded_before
    )  # fmt: skip
    rows.take(lane.log[first:])
    return list(rows.backfills())


def fill(lane: Lane, found: list[tuple[bytes, Backfill]]) -> list[Turn]:
    """Write backfills to the log, as often as they are forwarded."""
    turns = []
    for key, record in found:
        turns += lane.put(key.decode(), record)
        lane.deliver()
    return turns


def whole(lane: Lane, since_ms: int = 0) -> list[Turn]:
    """Say in the log that all measures are whole, since then or since ever."""
    kept_ms = lane.engine.timeline.latest.kept_ms
    content = msgspec.json.encode({key: (at, since_ms) for key, at in kept_ms.items()})
    lane.announce("past", content, lane.engine.clock_ms)
    return lane.tick(lane.engine.clock_ms + 1)


def lived(content: bytes, *records: tuple[str, Record], later: bytes | None = None) -> Lane:
    """Records under definitions in force from the start; `later` ones come after ten days."""
    lane = Lane(content)
    for customer, record in records:
        if later is not None and record.time_ms >= LATER_MS:
            lane.tick(LATER_MS)
            lane.define(later, LATER_MS)
            later = None
        lane.put(customer, record)
        lane.deliver()
    if later is not None:
        lane.tick(LATER_MS)
        lane.define(later, LATER_MS)
    lane.tick(LATER_MS + 2 * DAY)
    return lane


def assert_equal(filled: Lane, always: Lane) -> None:
    """Rows keep the same as if the definitions had always been in force, and are where they are."""
    keys = sorted(always.engine.store.keys())
    assert keys == sorted(filled.engine.store.keys())
    for key in keys:
        one, other = filled.row(key.decode()), always.row(key.decode())
        assert one.windows == other.windows, key
        assert set(one.segments) == set(other.segments), key
        assert one.filled == {}
    assert +Counter(filled.engine.members) == +Counter(always.engine.members)


STORY = (
    ("a", added(START_MS, "p1")),
    ("a", added(START_MS + DAY, "p2")),
    ("b", order(START_MS + DAY, "1", 120)),
    ("anon", added(START_MS + DAY, "p7")),
    ("a", added(LATER_MS + HOUR, "p3")),
    ("c", page(LATER_MS + HOUR)),
)


def test_the_past_of_a_late_measure_is_what_it_would_have_kept():
    lane = lived(FORMER, *STORY, later=LATER)
    fill(lane, pasts(lane))
    whole(lane)
    assert_equal(lane, lived(LATER, *STORY))
    assert set(lane.segments("a")) == {"keen", "wide", "left", "never"}
    assert set(lane.segments("b")) == {"idle", "big"}


def test_what_a_backfill_brings_is_by_definition_and_initial_and_a_lower_bound():
    lane = lived(FORMER, *STORY, later=LATER)
    told = len(lane.changes)
    turns = fill(lane, pasts(lane))
    now_ms = LATER_MS + 2 * DAY
    assert {(t.customer, t.segment) for t in turns} == {
        ("a", "keen"), ("a", "wide"), ("anon", "left")}  # fmt: skip
    assert {(t.time_ms, t.cause, t.entered) for t in turns} == {(now_ms, "definition", True)}
    rest = whole(lane)
    assert {(t.customer, t.segment) for t in rest} == {
        ("a", "never"), ("anon", "never"), ("b", "big"), ("b", "idle")}  # fmt: skip
    assert all(change.initial for change in lane.changes[told:])


def test_a_dormant_customer_without_a_past_is_known_when_the_past_is_whole():
    lane = lived(FORMER, ("a", page(START_MS)), later=LATER)
    assert fill(lane, pasts(lane)) == []
    assert lane.segments("a") == {}
    assert {t.segment for t in whole(lane)} == {"idle", "never"}


def test_a_repeated_backfill_adds_nothing():
    lane = lived(FORMER, *STORY, later=LATER)
    found = pasts(lane)
    fill(lane, found)
    before = {key: row.windows for key, row in lane.engine.store.rows()}
    applied = lane.counts().applied
    assert fill(lane, found) == []
    assert fill(lane, pasts(lane)) == []
    assert {key: row.windows for key, row in lane.engine.store.rows()} == before
    assert lane.counts().applied == applied
    whole(lane)
    assert fill(lane, found) == []
    assert_equal(lane, lived(LATER, *STORY))


def test_a_past_follows_its_id_to_whom_it_points_to_by_then():
    story = (*STORY, ("anon", link("a", LATER_MS + 3 * HOUR)), ("anon", page(LATER_MS + 4 * HOUR)))
    lane = lived(FORMER, *story, later=LATER)
    fill(lane, pasts(lane))
    whole(lane)
    assert_equal(lane, lived(LATER, *story))
    assert lane.counts().forwarded >= 2


def test_an_id_that_is_linked_after_its_backfill_takes_its_past_and_the_memory_of_it_along():
    lane = lived(FORMER, *STORY, later=LATER)
    found = pasts(lane)
    fill(lane, found)
    lane.put("anon", link("a", LATER_MS + 2 * DAY))
    lane.deliver()
    fill(lane, found)
    whole(lane)
    story = (*STORY, ("anon", link("a", LATER_MS + 2 * DAY)))
    assert_equal(lane, lived(LATER, *story))


def test_what_a_shared_device_handed_over_stays_with_whom_it_was_handed_to():
    story = (
        ("kiosk", added(START_MS, "p1")),
        *((f"u{n}", page(START_MS + n)) for n in range(5)),
        *(("kiosk", link(f"u{n}", START_MS + HOUR + n)) for n in range(5)),
        ("kiosk", added(START_MS + 2 * HOUR, "p2")),
    )
    lane = lived(FORMER, *story, later=LATER)
    found = pasts(lane)
    assert sorted((key, past.source, past.sent_ms > 0) for key, past in found) == [
        (b"kiosk", "kiosk", False), (b"u0", "kiosk", True)]  # fmt: skip
    fill(lane, found)
    whole(lane)
    assert_equal(lane, lived(LATER, *story))


def test_nobody_takes_a_past_of_measures_that_are_gone_or_came_again():
    lane = lived(FORMER, *STORY, later=LATER)
    found = pasts(lane)
    lane.define(FORMER, LATER_MS + 2 * DAY)
    lane.tick(LATER_MS + 2 * DAY + 1)
    assert fill(lane, found) == []
    lane.tick(LATER_MS + 3 * DAY)
    lane.define(LATER, LATER_MS + 3 * DAY)
    assert fill(lane, found) == []
    assert lane.row("a").windows == {}
    fill(lane, pasts(lane))
    whole(lane)
    always = lived(LATER, *STORY)
    assert lane.row("a").windows == always.row("a").windows


def test_who_is_not_known_any_more_or_came_anew_takes_no_past():
    lane = lived(FORMER, *STORY, later=LATER)
    ended = lane.counts()
    [past, *_] = [past for key, past in pasts(lane) if key == b"a"]
    assert lane.put("nobody", past) == []
    assert lane.engine.store.get(b"nobody") is None
    assert lane.put("c", past) == []
    assert lane.row("c").windows == {}
    assert lane.counts().duplicate == ended.duplicate + 2


def test_a_cut_log_makes_windows_whole_from_its_beginning_on():
    lane = lived(FORMER, *STORY, later=LATER)
    since_ms = LATER_MS - 5 * DAY
    whole(lane, since_ms)
    assert set(lane.engine.timeline.latest.kept_ms.values()) == {since_ms}
    assert "never" not in lane.segments("c") or lane.row("c").first_ms >= since_ms
    assert "idle" not in lane.segments("b")
    assert [t.segment for t in lane.tick(since_ms + 30 * DAY)] == []
    turns = lane.tick(since_ms + 32 * DAY)
    assert ("b", "idle") in {(t.customer, t.segment) for t in turns}
    assert not any(t.segment == "never" for t in turns)


def test_ids_that_forwarded_before_a_cut_log_begins_are_not_counted_twice():
    story = (
        ("anon", page(START_MS)),
        ("a", page(START_MS)),
        ("anon", link("a", START_MS + 1)),
        ("anon", added(START_MS + HOUR, "p1")),
        ("anon", added(START_MS + 2 * HOUR, "p2")),
    )
    lane = lived(FORMER, *story, later=LATER)
    first = next(n for n, r in enumerate(lane.log) if r.timestamp == START_MS + HOUR)
    found = pasts(lane, is_cut=True, first=first)
    assert [(key, past.source) for key, past in found] == [(b"a", "a")]
    fill(lane, found)
    always = lived(LATER, *story)
    assert lane.row("a").windows == always.row("a").windows


def test_a_restored_partition_stands_where_it_stood():
    lane = lived(FORMER, *STORY, later=LATER)
    fill(lane, pasts(lane)[:2])
    part = lane.restored()
    assert part.store.packed == lane.engine.store.packed
    fill(lane, pasts(lane))
    whole(lane, START_MS)
    latest = lane.restored().timeline.latest
    assert latest.kept_ms == lane.engine.timeline.latest.kept_ms
    assert set(latest.kept_ms.values()) == {START_MS}
    assert latest.thresholds == lane.engine.timeline.latest.thresholds
    lane.tick(LATER_MS + 5 * DAY)
    lane.define(LATER + b"\n", LATER_MS + 5 * DAY)
    lane.tick(LATER_MS + 6 * DAY)
    assert set(lane.restored().timeline.latest.kept_ms.values()) == {START_MS}


def test_a_version_of_the_past_speaks_of_the_measures_that_it_names_alone():
    lane = lived(FORMER, *STORY, later=LATER)
    kept_ms = lane.engine.timeline.latest.kept_ms
    key, other = list(kept_ms)[:2]
    told = {key: (LATER_MS, 0), other: (LATER_MS - 1, 0), "gone": (LATER_MS, 0)}
    lane.announce("past", msgspec.json.encode(told), LATER_MS + 2 * DAY)
    assert lane.engine.timeline.latest.kept_ms == {k: v for k, v in kept_ms.items() if k != key}


def told_story(random_: random.Random, links: bool) -> list[tuple[str, Record]]:
    """Twenty days of seven ids: late events, duplicates, and devices that become known.

    With `links` any id may be linked to any other, in circles as well.
    """
    story: list[tuple[str, Record]] = []
    for number in range(160):
        at_ms = START_MS + number * 20 * DAY // 160
        time_ms = max(START_MS, at_ms - random_.choice((0, 0, 0, HOUR)))
        if (time_ms < LATER_MS) != (at_ms < LATER_MS):
            time_ms = at_ms
        who, whom = random_.sample(range(7), 2)
        made: Record = random_.choice((added, order))(time_ms, f"p{random_.randrange(6)}")
        if random_.random() < 0.08:
            if links:
                made = link(f"c{whom}", time_ms)
            elif who >= 3:
                made = link(f"c{who % 3}", time_ms)
        elif random_.random() < 0.1:
            made = Identified(time_ms, number, time_ms, traits={"n": number})
        story.append((f"c{who}", made))
        if random_.random() < 0.1:
            story.append((f"c{who}", made))
    return story


def filled(random_: random.Random, story: list[tuple[str, Record]], *, twice: bool) -> Lane:
    """A backfill, or one that crashes midway and is repeated; one more device becomes known."""
    lane = lived(FORMER, *story, later=LATER)
    found = pasts(lane)
    random_.shuffle(found)
    half = len(found) // 2
    fill(lane, found[:half])
    lane.put("c6", link("c0", LATER_MS + 10 * DAY))
    lane.deliver()
    fill(lane, found if twice else found[half:])
    whole(lane)
    return lane


@pytest.mark.parametrize("seed", range(16))
def test_any_story_comes_out_as_if_the_definitions_had_always_been_there(seed: int):
    random_ = random.Random(seed)
    story = told_story(random_, links=False)
    lane = filled(random_, story, twice=True)
    always = lived(LATER, *story, ("c6", link("c0", LATER_MS + 10 * DAY)))
    always.tick(lane.engine.clock_ms)
    assert_equal(lane, always)


@pytest.mark.parametrize("seed", range(40))
def test_a_past_goes_where_its_id_was_handed_over_where_ids_are_linked_in_circles(seed: int):
    """A row that starts anew takes no past from before: it follows what the row was."""
    random_ = random.Random(seed)
    story = told_story(random_, links=True)
    lane = filled(random_, story, twice=seed % 2 == 0)
    always = lived(LATER, *story, ("c6", link("c0", LATER_MS + 10 * DAY)))
    always.tick(lane.engine.clock_ms)
    assert_equal(lane, always)
    assert counted(lane) == counted(always)
    assert lane.counts().dead == 0


def counted(lane: Lane) -> dict[str, int]:
    """Of each count over all time, the sum of all rows."""
    found: dict[str, int] = {}
    for _, row in lane.engine.store.rows():
        for key, kept in row.windows.items():
            if isinstance(kept, Tally):
                found[key] = found.get(key, 0) + kept.count
    return found


EARLY = "name: early, enter: 'habit(hours=(0, 1), within=365 * DAY)'"


def test_the_shops_own_hours_in_another_time_zone_are_another_measure():
    """01:30 UTC is 02:30 in Berlin in winter: in the hours there, they are others."""
    utc, berlin = definitions(EARLY), b"timezone: Europe/Berlin\n" + definitions(EARLY)
    story = [("a", order(START_MS + n * DAY + HOUR + HOUR // 2, str(n))) for n in range(4)]
    later = [("a", order(LATER_MS + n * DAY - HOUR // 2, str(9 + n))) for n in (1, 2)]
    lane = lived(utc, *story, *later, later=berlin)
    assert lane.engine.timeline.latest.kept_ms != {}
    assert "early" not in lane.segments("a")
    found = pasts(lane, berlin)
    fill(lane, found)
    whole(lane)
    always = lived(berlin, *story, *later)
    assert lane.row("a").windows == always.row("a").windows
    assert lane.segments("a").keys() == always.segments("a").keys()


def test_a_backfill_in_bytes_is_what_it_was():
    state = pack_kept({"k": Tally(1, 2, 3, 4, None, "x")})
    lane = Lane(FORMER)
    lane.put("a", page(START_MS))
    past = Backfill(
        source="a", state=state, since={"k": DAY_MS}, time_ms=START_MS, received_ms=START_MS
    )
    lane.put("a", past)
    assert lane.counts().duplicate == 1
    assert lane.counts().dead == 0
