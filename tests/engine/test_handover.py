"""What one run has said, and the next one takes over: told as a reader hears both."""

from __future__ import annotations

import pytest

from stream.engine.effects import StoredRecord
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.cloudevent import encode_action
from stream.events.records import Erase
from stream.simulation.offline import LogReplay
from tests.engine.linked import link
from tests.engine.spoken import buyer, cart, document, searcher, wait
from tests.engine.two_runs import TwoRuns
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    consent,
    order,
    page,
    removed,
    search,
)

CART = document(cart(), voice="{caps: {email: 1 per 1 * DAY}}")
ALL = document(cart(10), searcher(60), buyer(channels="push"))


def switched(former: bytes, new: bytes | None = None) -> TwoRuns:
    """Both runs know that `a` has something in the cart, and the new one has told it to nobody."""
    runs = TwoRuns(former, new)
    runs.put("a", added(START_MS, "p"))
    runs.tick(START_MS + HOUR)
    runs.switch()
    return runs


def test_a_message_that_is_still_wanted_goes_on_and_ends_by_the_id_that_readers_know():
    runs = switched(CART)
    [start] = runs.former.actions
    assert runs.news == []
    assert runs.open == {"cart": start.id}
    runs.new.put("a", removed(START_MS + 2 * HOUR, "p"))
    [end] = runs.news
    assert (end.of, end.reason, end.sequence) == (start.id, "exited", 1_000_002)
    assert runs.open == {}


def test_it_goes_on_too_where_the_new_run_says_that_the_membership_began_at_another_time():
    """As where late history told it of more; and the former run had said something before."""
    runs = TwoRuns(CART)
    runs.former.put("a", added(START_MS, "p"))
    runs.former.put("a", removed(START_MS + HOUR, "p"), added(START_MS + DAY, "q"))
    runs.former.tick(START_MS + DAY + HOUR)
    runs.new.put("a", page(START_MS), added(START_MS + DAY + MINUTE, "q"))
    runs.new.tick(START_MS + DAY + HOUR)
    assert [one.started for one in runs.former.actions] == [True, False, True]
    for _ in range(2):
        runs.switch()
        assert runs.news == []
        assert runs.open == {"cart": runs.former.actions[-1].id}
    runs.new.put("a", removed(START_MS + DAY + 2 * HOUR, "q"))
    assert runs.open == {}


def test_a_message_of_which_the_new_run_knows_no_reason_is_withdrawn_once():
    runs = switched(CART, document(searcher()))
    [start] = runs.former.actions
    [end] = runs.news
    assert (end.of, end.started, end.reason, end.cause) == (
        start.id, False, "definition", "definition",
    )  # fmt: skip
    runs.new.put("a", removed(START_MS + 2 * HOUR, "p"))
    runs.new.tick(START_MS + 30 * DAY)
    assert runs.open == {}
    assert len(runs.news) == 1


def test_what_only_the_new_run_has_said_is_no_longer_said_and_not_taken_back():
    """Its rules took for a reason to speak what the former's did not: nobody was told, or acts."""
    runs = switched(document(searcher()), CART)
    runs.new.put("a", removed(START_MS + 2 * HOUR, "p"))
    assert runs.news == []


def test_a_suppression_holds_across_the_switch_and_is_lifted_after_it():
    definitions = document(cart(10), buyer())
    runs = TwoRuns(definitions)
    runs.put("a", order(START_MS, "1"))
    runs.tick(START_MS + HOUR)
    runs.switch()
    [start] = runs.former.actions
    assert runs.open == {"buyer": start.id}
    runs.new.put("a", added(START_MS + 2 * HOUR, "p"))
    assert runs.said(START_MS) == [("-buyer", 2 * HOUR, "exited"), ("+cart", 2 * HOUR, None)]
    assert runs.news[0].of == start.id


def test_a_suppression_that_the_new_run_does_not_know_is_lifted_at_once():
    runs = TwoRuns(document(buyer()), CART)
    runs.put("a", order(START_MS, "1"))
    runs.tick(START_MS + HOUR)
    runs.switch()
    [end] = runs.news
    assert (end.of, end.kind, end.reason) == (runs.former.actions[0].id, "suppress", "definition")
    assert runs.open == {}


def test_caps_know_of_the_former_runs_starts_and_not_of_what_was_told_to_nobody():
    runs = TwoRuns(CART)
    runs.put("a", added(START_MS, "p"))
    runs.put("a", removed(START_MS + MINUTE, "p"))
    runs.new.put("b", added(START_MS, "p"), removed(START_MS + MINUTE, "p"))
    runs.tick(START_MS + HOUR)
    runs.switch("a")
    runs.switch("b")
    for customer in ("a", "b"):
        runs.new.put(customer, added(START_MS + 2 * HOUR, "q"))
    assert [one.customer for one in runs.news] == ["b"]
    runs.new.put("a", page(START_MS + DAY))
    assert [(one.customer, one.time_ms) for one in runs.news[1:]] == [("a", START_MS + DAY)]


def test_what_waits_goes_on_waiting():
    runs = TwoRuns(CART)
    runs.put("a", added(START_MS, "p"))
    runs.put("a", removed(START_MS + MINUTE, "p"), added(START_MS + 2 * MINUTE, "q"))
    runs.tick(START_MS + HOUR)
    runs.switch()
    wait(runs.new, START_MS + 2 * DAY)
    assert runs.said(START_MS) == [("+cart", DAY, None)]


def test_what_the_former_run_has_said_to_its_end_does_not_wait_here():
    runs = TwoRuns(document(cart()), document(cart(more=", min_size: 1")))
    runs.put("a", added(START_MS, "p"))
    runs.put("a", consent(START_MS + MINUTE, marketing=False))
    runs.put("a", consent(START_MS + 2 * MINUTE, marketing=True))
    runs.tick(START_MS + 10 * MINUTE)
    assert [one.reason for one in runs.former.actions] == [None, "consent"]
    runs.switch()
    runs.new.announce("population", b'{"#cart": 1}', START_MS + 20 * MINUTE)
    runs.new.tick(START_MS + 30 * MINUTE)
    assert runs.news == []


def test_who_entered_after_the_former_run_had_ended_is_spoken_to():
    """The new run has decided it while it told nobody; only it knows."""
    runs = TwoRuns(CART)
    runs.tick(START_MS)
    runs.new.put("a", added(START_MS + MINUTE, "p"))
    runs.new.tick(START_MS + 2 * MINUTE)
    assert [one.started for one in runs.new.actions] == [True]
    runs.switch()
    assert runs.said(START_MS) == [("+cart", 2 * MINUTE, None)]
    assert list(runs.open) == ["cart"]


@pytest.mark.parametrize(
    ("priority", "ends", "stays"),
    [(60, "cart", "searcher"), (10, "searcher", "cart")],
)
def test_of_two_messages_told_by_either_run_one_stays(priority: int, ends: str, stays: str):
    """Between the switch and the record the new run speaks, and does not know of the former's."""
    runs = TwoRuns(document(cart(10)), document(cart(10, channels="sms"), searcher(priority)))
    runs.put("a", added(START_MS, "p"))
    runs.tick(START_MS + HOUR)
    row = runs.new.row("a")
    assert row.voice is not None
    row.voice.current = None  # as if it had been ended, and told to nobody
    runs.switch(meanwhile=lambda: runs.new.put("a", search(START_MS + 2 * HOUR)))
    assert runs.said(START_MS) == [
        ("+searcher", 2 * HOUR, None), ("-" + ends, 2 * HOUR, "outranked"),
    ]  # fmt: skip
    assert list(runs.open) == [stays]


def test_a_suppression_of_a_membership_that_has_begun_since_stays_and_the_formers_is_lifted():
    runs = TwoRuns(document(buyer()))
    runs.former.put("a", order(START_MS, "1"))
    runs.new.put("a", page(START_MS))
    runs.tick(START_MS + HOUR)
    runs.switch(meanwhile=lambda: runs.new.put("a", order(START_MS + 2 * HOUR, "1")))
    start, end = runs.news
    assert (start.started, end.of, end.reason) == (True, runs.former.actions[0].id, "definition")
    assert runs.open == {"buyer": start.id}


def test_of_two_suppressions_of_one_membership_the_formers_holds():
    """The new run waited until the segment was large enough, and it became so since."""
    runs = TwoRuns(document(buyer()), document(buyer(more=", min_size: 1")))
    runs.put("a", order(START_MS, "1"))
    runs.tick(START_MS + 30 * MINUTE)

    def grow() -> None:
        runs.new.announce("population", b'{"#buyer": 1}', START_MS + 30 * MINUTE)
        runs.new.tick(START_MS + 40 * MINUTE)

    runs.switch(meanwhile=grow)
    start, end = runs.news
    assert (start.started, end.of, end.reason) == (True, start.id, "outranked")
    assert runs.open == {"buyer": runs.former.actions[0].id}


def test_of_an_alias_all_is_withdrawn():
    runs = TwoRuns(ALL)
    runs.put("a", added(START_MS, "p"))
    runs.new.put("a", link("kim", START_MS + MINUTE))
    runs.tick(START_MS + HOUR)
    runs.switch()
    [end] = runs.news
    assert (end.of, end.reason) == (runs.former.actions[0].id, "merge")
    assert runs.open == {}
    voice = runs.new.row("a").voice
    assert voice is not None
    assert (voice.current, voice.suppressing, voice.waiting, voice.starts) == (None, {}, {}, {})


def test_of_whom_the_new_run_knows_nothing_all_is_withdrawn_and_no_row_begins():
    runs = TwoRuns(ALL)
    runs.former.put("a", added(START_MS, "p"), search(START_MS + 1), order(START_MS + 2, "1"))
    runs.tick(START_MS + HOUR)
    assert set(runs.open) == {"buyer", "searcher"}
    runs.switch()
    assert [(one.segment, one.reason) for one in runs.news] == [
        ("buyer", "definition"), ("searcher", "definition"),
    ]  # fmt: skip
    assert [one.sequence for one in runs.news] == [999_999, 1_000_000]
    assert runs.open == {}
    assert runs.new.engine.store.keys() == []


@pytest.mark.parametrize("comes_again", [False, True])
def test_of_an_erased_customer_nothing_comes_back(comes_again: bool):
    runs = TwoRuns(CART)
    runs.put("a", added(START_MS, "p"))
    erased_ms = START_MS + MINUTE
    runs.new.put("a", Erase(time_ms=erased_ms, received_ms=erased_ms, request="r"))
    if comes_again:
        runs.new.put("a", added(erased_ms + 1, "p"))
    runs.tick(START_MS + HOUR)
    runs.switch()
    ends = [one for one in runs.news if not one.started]
    assert [(one.of, one.reason) for one in ends] == [(runs.former.actions[0].id, "erasure")]
    if comes_again:
        voice = runs.new.row("a").voice
        assert voice is not None
        assert voice.starts.get("email") != [START_MS]
    else:
        assert runs.new.engine.store.keys() == []
    assert runs.open.keys() <= {"cart"}


def test_a_record_that_is_written_again_changes_nothing():
    """As a switch does that was interrupted; what was said in between was told to nobody."""
    runs = switched(CART, document(searcher()))
    end = runs.news
    runs.switch()
    assert [(one.of, one.reason) for one in runs.news] == [(end[0].of, end[0].reason)]
    runs = switched(CART)
    runs.switch()
    assert runs.news == []
    assert runs.open == {"cart": runs.former.actions[0].id}


def test_who_has_nothing_to_say_is_no_record():
    runs = TwoRuns(CART)
    runs.put("a", page(START_MS))
    runs.put("b", added(START_MS, "p"), Erase(time_ms=START_MS, received_ms=START_MS, request="r"))
    assert [runs.record(who) for who in ("a", "b", "nobody")] == [None, None, None]


def test_a_replay_of_the_log_tells_the_same():
    runs = TwoRuns(ALL)
    runs.put("a", added(START_MS, "p"))
    runs.put("b", order(START_MS, "1"))
    runs.tick(START_MS + HOUR)
    for who in ("a", "b"):
        runs.switch(who)
    runs.new.put("a", search(START_MS + 2 * HOUR))
    runs.new.put("b", added(START_MS + 2 * HOUR, "p"))
    log: list[StoredRecord] = runs.new.log
    replay = LogReplay(EngineSettings(shop="s", incarnation="2"))
    replay.keep_actions = True
    for record in log:
        replay.apply(0, [record])
    told = [encode_action(one, "s") for one in runs.new.actions]
    assert [encode_action(one, "s") for one in replay.actions] == told
    at_once = PartitionEngine(0, EngineSettings(shop="s", incarnation="2"))
    assert [encode_action(one, "s") for one in at_once.fold(log).actions] == told
