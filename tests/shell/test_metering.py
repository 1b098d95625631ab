"""What a committed batch says in the metrics, of events that went through the engine."""

from __future__ import annotations

from typing import Any

import pytest

from stream.outcomes.assignment import assign
from stream.shell.batch import Batch
from stream.shell.metering import Meter
from stream.shell.metrics import Metrics
from tests.engine.lane import BUILT_IN, Lane
from tests.engine.spoken import buyer, cart, document, searcher, wait
from tests.state.shopping import DAY, HOUR, START_MS, added, consent, order, removed, search


def metered(lane: Lane) -> Metrics:
    """The metrics after all batches of the lane, as if each had been committed."""
    metrics = Metrics()
    meter = Meter(metrics, 0)
    for effects in lane.effects:
        meter.committed(Batch(effects=effects), 0.01, None)
    return metrics


def samples(metrics: Metrics, name: str, *labels: str) -> dict[Any, float]:
    """Values by the labels asked for; one label alone is not a tuple."""
    found: dict[Any, float] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            if sample.name == name:
                key = tuple(sample.labels[each] for each in labels)
                found[key if len(labels) > 1 else key[0]] = sample.value
    return found


def flaps(lane: Lane) -> dict[str, float]:
    return samples(metered(lane), "shoal_segment_flaps_total", "segment")


def withheld(lane: Lane) -> dict[tuple[str, str], float]:
    return samples(metered(lane), "shoal_actions_withheld_total", "segment", "reason")


def actions(lane: Lane) -> dict[tuple[str, str, str], float]:
    labels = ("segment", "channel", "kind")
    return samples(metered(lane), "shoal_actions_total", *labels)


# -- flapping --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after_ms", "expected"), [(HOUR, 1.0), (DAY, 1.0), (DAY + 1, None)])
def test_who_comes_back_within_a_day_flaps(after_ms: int, expected: float | None):
    lane = Lane(document(cart()))
    lane.put("a", added(START_MS, "p"))
    lane.put("a", removed(START_MS + HOUR, "p"))
    lane.put("a", added(START_MS + HOUR + after_ms, "p"))
    assert len(lane.changes) == 3
    assert flaps(lane).get("cart") == expected


def test_a_cart_that_fills_and_empties_flaps_each_time_but_the_first():
    lane = Lane(document(cart()))
    for turn in range(8):
        put = added if turn % 2 == 0 else removed
        lane.put("a", put(START_MS + turn * HOUR, "p"))
        lane.put("b", put(START_MS + turn * DAY, "p"))
    assert flaps(lane) == {"cart": 3.0 + 3.0}


def test_a_silent_definition_is_measured_too():
    lane = Lane(document(cart().replace("priority", "shadow: true, priority")))
    for turn in range(4):
        put = added if turn % 2 == 0 else removed
        lane.put("a", put(START_MS + turn * HOUR, "p"))
    assert lane.changes == []
    assert flaps(lane) == {"cart": 1.0}


def test_an_edit_and_its_reversal_are_no_flapping():
    lane = Lane(document(cart()))
    lane.put("a", added(START_MS, "p"))
    lane.define(document(cart().replace("> 0", "> 7")), START_MS + HOUR)
    lane.tick(START_MS + HOUR)
    lane.define(document(cart()), START_MS + 2 * HOUR)
    lane.tick(START_MS + 2 * HOUR)
    assert [change.entered for change in lane.changes] == [True, False, True]
    assert flaps(lane) == {}


# -- actions ---------------------------------------------------------------------------------------


def test_a_start_and_its_withdrawal_count_for_each_channel():
    lane = Lane(document(cart(channels="email, push")))
    lane.put("a", added(START_MS, "p"))
    lane.put("a", removed(START_MS + HOUR, "p"))
    lane.put("b", added(START_MS + HOUR, "p"))
    assert actions(lane) == {
        ("cart", "email", "started"): 2.0, ("cart", "push", "started"): 2.0,
        ("cart", "email", "withdrawn"): 1.0, ("cart", "push", "withdrawn"): 1.0}  # fmt: skip
    ended = samples(metered(lane), "shoal_actions_withdrawn_total", "segment", "reason")
    assert ended == {("cart", "exited"): 1.0}
    assert withheld(lane) == {}


def test_a_suppression_and_its_end_are_kinds_of_their_own():
    lane = Lane(document(buyer()))
    lane.put("a", order(START_MS, "o"))
    lane.put("a", added(START_MS + HOUR, "p"))
    assert actions(lane) == {
        ("buyer", "email", "suppressed"): 1.0, ("buyer", "email", "lifted"): 1.0}  # fmt: skip


# -- what is withheld, and why ---------------------------------------------------------------------


def test_silence_about_consent_withholds():
    lane = Lane(document(cart(), more="consent_default: deny"))
    lane.put("a", added(START_MS, "p"))
    lane.put("b", consent(START_MS, **{"email/marketing": True}))
    lane.put("b", added(START_MS + HOUR, "p"))
    assert withheld(lane) == {("cart", "consent"): 1.0}
    assert actions(lane) == {("cart", "email", "started"): 1.0}


def test_a_cap_makes_the_second_one_wait_and_counts_once_however_long_it_waits():
    lane = Lane(document(cart(), voice="{caps: {email: 1 per 1 * DAY}}"))
    lane.put("a", added(START_MS, "p"))
    lane.put("a", removed(START_MS + HOUR, "p"))
    lane.put("a", added(START_MS + 2 * HOUR, "p"))
    assert withheld(lane) == {("cart", "cap"): 1.0}
    wait(lane, START_MS + DAY)
    assert actions(lane)["cart", "email", "started"] == 2.0
    assert withheld(lane) == {("cart", "cap"): 1.0}


def test_quiet_hours_withhold():
    lane = Lane(document(cart(), voice="{quiet_hours: [0, 6]}"))
    lane.put("a", added(START_MS, "p"))
    assert withheld(lane) == {("cart", "quiet_hours"): 1.0}


def test_a_wave_that_is_spread_and_a_segment_that_is_small_withhold():
    lane = Lane(document(cart().replace("priority", "jitter: 2 * HOUR, priority")))
    lane.put("a", added(START_MS, "p"))
    assert withheld(lane) == {("cart", "jitter"): 1.0}
    lane = Lane(document(cart(more=", min_size: 9")))
    lane.put("a", added(START_MS, "p"))
    assert withheld(lane) == {("cart", "min_size"): 1.0}


def test_the_lesser_one_is_outranked_and_who_is_suppressed_hears_nothing():
    lane = Lane(document(cart(10), searcher(60)))
    lane.put("a", search(START_MS))
    lane.put("a", added(START_MS + HOUR, "p"))
    assert withheld(lane) == {("cart", "outranked"): 1.0}
    lane = Lane(document(searcher(), buyer()))
    lane.put("a", order(START_MS, "o"))
    lane.put("a", search(START_MS + HOUR))
    assert withheld(lane) == {("searcher", "suppressed"): 1.0}


def test_control_groups_old_news_and_first_activations_are_told_apart():
    lane = Lane(document(cart(more=", control: 0.5")))
    names = [f"c{n}" for n in range(40)]
    for name in names:
        lane.put(name, added(START_MS, "p"))
    held_out = [n for n in names if assign(n, "cart", "shoal", 0.5, 0.0, ()).holdout]
    assert withheld(lane) == {("cart", "control"): float(len(held_out))}

    lane = Lane(document(cart()))
    lane.put("old", added(START_MS, "p"), stamp_ms=START_MS + 2 * HOUR)
    lane.put("new", search(START_MS))
    lane.define(document(cart(), searcher()), START_MS + HOUR)
    wait(lane, START_MS + HOUR)
    assert withheld(lane) == {("cart", "historic"): 1.0, ("searcher", "initial"): 1.0}


def test_segments_without_an_action_that_is_on_have_none_withheld():
    lane = Lane(BUILT_IN)
    lane.put("a", search(START_MS))
    segments = {change.segment for change in lane.changes}
    assert "new_visitor" in segments
    assert withheld(lane) == {}
