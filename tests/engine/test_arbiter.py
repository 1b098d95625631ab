"""One voice, told as stories: what is said to a customer, when, and when no longer."""

from __future__ import annotations

import msgspec

from stream.events.cloudevent import encode_action
from stream.events.published import decode_action
from stream.events.records import Link
from stream.outcomes.assignment import assign
from tests.engine.lane import BUILT_IN, Lane
from tests.engine.spoken import buyer, cart, document, said, searcher, wait
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    checkout,
    consent,
    identified,
    message,
    order,
    page,
    product,
    removed,
    search,
)

# -- the current message ---------------------------------------------------------------------------


def test_an_entry_starts_its_action_and_the_exit_withdraws_it():
    lane = Lane(document(cart()))
    lane.put("a", added(START_MS, "p"))
    lane.put("a", removed(START_MS + HOUR, "p"))
    assert said(lane) == [("+cart", 0, None), ("-cart", HOUR, "exited")]
    start, end = lane.actions
    assert (start.channels, start.kind, start.purpose) == (("email",), "message", "marketing")
    assert (end.of, end.sequence, start.sequence) == (start.id, 2, 1)
    assert start.action["message"] == "m"


def test_the_higher_priority_takes_over_and_what_it_ended_does_not_come_back():
    lane = Lane(document(cart(10), searcher(60)))
    lane.put("a", added(START_MS, "p"))
    lane.put("a", search(START_MS + HOUR))
    lane.tick(START_MS + 30 * DAY)
    assert said(lane) == [
        ("+cart", 0, None), ("-cart", HOUR, "outranked"), ("+searcher", HOUR, None),
        ("-searcher", HOUR + 7 * DAY, "expired")]  # fmt: skip


def test_of_two_that_enter_at_once_the_better_one_speaks_and_nothing_else_is_said():
    other = searcher(20).replace("sessions.searches >= 1", "cart.items > 0")
    lane = Lane(document(cart(10), other))
    lane.put("a", added(START_MS, "p"))
    assert said(lane) == [("+searcher", 0, None)]


def test_among_equals_the_first_one_stays_and_the_next_one_follows_when_it_ends():
    lane = Lane(document(cart(), searcher()))
    lane.put("a", search(START_MS))
    lane.put("a", added(START_MS + DAY, "p"))
    wait(lane, START_MS + 9 * DAY)
    assert said(lane) == [
        ("+searcher", 0, None), ("-searcher", 7 * DAY, "expired"),
        ("+cart", 7 * DAY, None), ("-cart", 8 * DAY, "expired")]  # fmt: skip


def test_old_and_initial_changes_start_nothing():
    lane = Lane(document(cart()))
    lane.put("old", added(START_MS, "p"), stamp_ms=START_MS + 2 * HOUR)
    lane.put("new", search(START_MS))
    lane.define(document(cart(), searcher()), START_MS + HOUR)
    wait(lane, START_MS + HOUR)
    assert [(c.segment, c.historic, c.initial) for c in lane.changes] == [
        ("cart", True, False), ("searcher", False, True)]  # fmt: skip
    assert lane.actions == []


def test_an_action_that_could_only_start_long_after_its_time_does_not():
    lane = Lane(document(cart(), voice="{quiet_hours: [0, 6]}"))
    lane.put("a", added(START_MS, "p"))
    lane.put("b", added(START_MS, "p"))
    lane.put("a", page(START_MS + 6 * HOUR + 1), stamp_ms=START_MS + 6 * HOUR + 1)
    lane.put("b", page(START_MS + 6 * HOUR + 1), stamp_ms=START_MS + 8 * HOUR)
    assert [(a.customer, a.time_ms - START_MS) for a in lane.actions] == [("a", 6 * HOUR)]


def test_an_edited_definition_that_asks_for_it_no_more_withdraws_it():
    lane = Lane(document(cart(), searcher()))
    lane.put("a", added(START_MS, "p"))
    lane.put("b", search(START_MS))
    off = cart().replace("enabled: true", "enabled: false")
    lane.define(document(off), START_MS + HOUR)
    lane.tick(START_MS + HOUR)
    assert sorted(said(lane)[2:]) == [
        ("-cart", HOUR, "definition"), ("-searcher", HOUR, "definition")]  # fmt: skip


def test_a_spread_wave_starts_when_it_is_told_to():
    lane = Lane(document(cart().replace("priority", "jitter: 2 * HOUR, priority")))
    lane.put("a", added(START_MS, "p"))
    not_before_ms = lane.changes[0].not_before_ms
    assert START_MS < not_before_ms < START_MS + 2 * HOUR
    lane.tick(not_before_ms - 1)
    assert lane.actions == []
    lane.tick(not_before_ms)
    assert said(lane) == [("+cart", not_before_ms - START_MS, None)]


def test_who_is_held_out_is_told_nothing_and_the_change_is_stamped():
    lane = Lane(document(cart(more=", control: 0.5")))
    names = [f"c{n}" for n in range(40)]
    for name in names:
        lane.put(name, added(START_MS, "p"))
    held_out = {n for n in names if assign(n, "cart", "shoal", 0.5, 0.0, ()).holdout}
    assert 5 < len(held_out) < 35
    assert {change.customer for change in lane.changes if change.control} == held_out
    assert {turned.customer for turned in lane.actions} == set(names) - held_out


def test_the_variant_is_the_one_of_the_change():
    lane = Lane(document(cart(more=", variants: [{name: x}, {name: y}]")))
    for number in range(20):
        lane.put(f"c{number}", added(START_MS, "p"))
    assert [a.variant for a in lane.actions] == [c.variant for c in lane.changes]
    assert {a.variant for a in lane.actions} == {"x", "y"}


def test_what_is_told_can_be_read_again():
    lane = Lane(document(cart()))
    lane.put("a", added(START_MS, "p"), removed(START_MS + 1, "p"))
    start, end = (decode_action(encode_action(turned, "s")) for turned in lane.actions)
    assert (start.type, end.type) == ("shoal.action.started", "shoal.action.withdrawn")
    assert (start.source, end.data.of, end.data.reason) == ("/shoal/s", start.id, "exited")
    assert start.data.valid_until == "2026-03-09T00:00:00.000Z"


# -- consent ---------------------------------------------------------------------------------------


def test_withdrawal_ends_the_action_at_once_and_is_stamped():
    lane = Lane(document(cart()))
    lane.put("a", added(START_MS, "p"), message(START_MS + MINUTE, "unsubscribed"))
    assert said(lane) == [("+cart", 0, None), ("-cart", MINUTE, "consent")]
    assert lane.actions[-1].cause == "consent"
    assert lane.segments("a") == {"cart": START_MS}, "it stays a member"


def test_consent_that_comes_later_starts_what_is_still_valid():
    lane = Lane(document(cart(), more=""))
    lane.put("a", added(START_MS, "p"))
    lane.put("b", added(START_MS, "p"))
    assert lane.actions == []
    lane.put("a", consent(START_MS + DAY, marketing=True))
    lane.put("b", consent(START_MS + 8 * DAY, marketing=True))
    assert [(a.customer, a.time_ms - START_MS) for a in lane.actions] == [("a", DAY)]


def test_late_consent_starts_it_now():
    lane = Lane(document(cart(), more=""))
    lane.put("a", added(START_MS, "p"), page(START_MS + DAY))
    lane.put("a", consent(START_MS + HOUR, email__marketing=True))
    assert said(lane) == [("+cart", DAY, None)]


def test_the_channels_that_consent_leaves_are_used():
    lane = Lane(document(cart(channels="email, push")))
    lane.put("a", message(START_MS, "unsubscribed"), added(START_MS + 1, "p"))
    assert [turned.channels for turned in lane.actions] == [("push",)]


def test_leaving_for_want_of_consent_withdraws_for_it():
    needs = cart().replace("priority", "needs: marketing, priority")
    lane = Lane(document(needs, more=""))
    lane.put("a", consent(START_MS, marketing=True), added(START_MS + 1, "p"))
    lane.put("a", consent(START_MS + HOUR, marketing=False))
    assert said(lane) == [("+cart", 1, None), ("-cart", HOUR, "consent")]


# -- suppression -----------------------------------------------------------------------------------


def test_a_suppression_asks_for_no_consent_holds_until_the_exit_and_is_lifted_there():
    lane = Lane(document(buyer(), more="", voice="{quiet_hours: [21, 8]}"))
    lane.put("a", order(START_MS, "1", 5))
    lane.tick(START_MS + 30 * DAY)
    assert said(lane) == [("+buyer", 0, None)]
    assert (lane.actions[0].kind, lane.actions[0].purpose) == ("suppress", "own")
    assert lane.actions[0].valid_until_ms is None
    lane.put("a", added(START_MS + 40 * DAY, "p"))
    assert said(lane)[1:] == [("-buyer", 40 * DAY, "exited")]


def test_a_suppressed_channel_says_nothing_and_what_it_was_saying_ends():
    lane = Lane(document(searcher(99), buyer(1)))
    lane.put("a", search(START_MS))
    lane.put("a", order(START_MS + HOUR, "1", 5))
    lane.put("b", order(START_MS, "2", 5), search(START_MS + 1))
    assert said(lane) == [
        ("+searcher", 0, None), ("+buyer", HOUR, None), ("-searcher", HOUR, "suppressed"),
        ("+buyer", 0, None)]  # fmt: skip
    lane.put("b", added(START_MS + HOUR, "p"))
    assert said(lane)[4:] == [("-buyer", HOUR, "exited"), ("+searcher", HOUR, None)]


def test_several_suppressions_hold_at_once():
    second = buyer(channels="retargeting").replace("name: buyer", "name: second")
    lane = Lane(document(buyer(), second))
    lane.put("a", order(START_MS, "1", 5))
    assert said(lane) == [("+buyer", 0, None), ("+second", 0, None)]


def test_the_control_group_is_not_suppressed():
    lane = Lane(document(buyer(more=", control: 0.5"), searcher()))
    names = [f"c{n}" for n in range(40)]
    for name in names:
        lane.put(name, order(START_MS, name, 5), search(START_MS + 1))
    held_out = {n for n in names if assign(n, "buyer", "shoal", 0.5, 0.0, ()).holdout}
    assert 5 < len(held_out) < 35
    kinds = {(turned.customer, turned.kind) for turned in lane.actions}
    assert {c for c, kind in kinds if kind == "suppress"} == set(names) - held_out
    assert {c for c, kind in kinds if kind == "message"} == held_out


# -- size ------------------------------------------------------------------------------------------


def test_a_small_segment_does_not_act_until_a_day_has_closed_with_it_large_enough():
    lane = Lane(document(cart(more=", min_size: 3")))
    for name in "abc":
        lane.put(name, added(START_MS, "p"))
    assert lane.actions == []
    wait(lane, START_MS + DAY)
    (told,) = lane.effects[-1].population
    assert told.counts["#cart"] == {0: 3}
    lane.announce("population", msgspec.json.encode({"#cart": 3}), START_MS + DAY)
    lane.tick(START_MS + DAY + 1)
    assert {(a.customer, a.time_ms) for a in lane.actions} == {
        (name, START_MS + DAY) for name in "abc"}  # fmt: skip


def test_sizes_follow_exits_merges_and_edited_definitions():
    lane = Lane(document(cart()))
    for name in ("a", "b", "anon"):
        lane.put(name, added(START_MS, "p"))
    lane.define(document(cart(more=", min_size: 2")), START_MS + HOUR)
    lane.put("b", removed(START_MS + 2 * HOUR, "p"))
    lane.put("anon", Link(target="a", time_ms=START_MS + 3 * HOUR, received_ms=START_MS + 3 * HOUR))
    lane.deliver()
    wait(lane, START_MS + DAY)
    assert lane.effects[-1].population[0].counts["#cart"] == {0: 1}


# -- the whole -------------------------------------------------------------------------------------


def test_a_restored_engine_goes_on():
    voice = "{caps: {email: 1 per 7 * DAY}, quiet_hours: [21, 8]}"
    lane = Lane(document(cart(), searcher(60), buyer(channels="push"), voice=voice))
    story = [added(START_MS + 9 * HOUR, "p"), search(START_MS + 22 * HOUR), page(START_MS + DAY),
             order(START_MS + 2 * DAY, "1", 5), added(START_MS + 8 * DAY, "q"),
             identified(START_MS + 9 * DAY, email_opt_in=False)]  # fmt: skip
    for event in story:
        wait(lane, event.time_ms - 1)
        lane.engine = lane.restored()
        lane.put("a", event)
        lane.engine = lane.restored()
    whole = Lane(document(cart(), searcher(60), buyer(channels="push"), voice=voice))
    whole.fold(lane.log[1:])
    assert whole.actions == lane.actions
    assert said(lane) == [
        ("+cart", 9 * HOUR, None),
        ("+buyer", 2 * DAY, None), ("-cart", 2 * DAY, "exited"),
        ("+searcher", 7 * DAY + 9 * HOUR, None),
        ("-searcher", 7 * DAY + 22 * HOUR, "expired"),
        ("-buyer", 8 * DAY, "exited")]  # fmt: skip


def test_the_built_in_pack_says_one_thing_at_a_time():
    lane = Lane(BUILT_IN + b"\nconsent_default: allow\n")
    lane.put("a", product(START_MS, "p"), added(START_MS + 1, "p"), checkout(START_MS + 2))
    lane.put("a", page(START_MS + MINUTE))
    wait(lane, START_MS + 3 * HOUR)
    lane.put("a", order(START_MS + 5 * HOUR, "1", 50))
    assert [(a.segment, a.started) for a in lane.actions] == [
        ("abandoned_cart", True), ("abandoned_cart", False), ("new_customer", True)]  # fmt: skip
