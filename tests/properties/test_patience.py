"""Patience against a plain model: a twin without it says what is wanted, and when."""

from __future__ import annotations

from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stream.clock import NEVER_MS
from tests.engine.lane import Lane, definitions
from tests.properties.interpreter import DAY, HOUR
from tests.properties.spoken import record, story
from tests.properties.test_engine import Run
from tests.state.shopping import START_MS


def patient(
    wanted: list[tuple[int, bool]], stay_ms: int, cooldown_ms: int, again_ms: int, end_ms: int
) -> list[tuple[int, bool]]:
    """When a patient segment turns, whose condition turns at the instants of `wanted`."""
    found: list[tuple[int, bool]] = []
    member, entered_ms, left_ms = False, 0, 0
    for number, (at_ms, want) in enumerate(wanted):
        until_ms = wanted[number + 1][0] if number + 1 < len(wanted) else end_ms + 1
        if want == member:
            continue
        may_ms = entered_ms + stay_ms if member else 0
        if not member and left_ms:
            may_ms = left_ms + cooldown_ms
        if not member and entered_ms:
            may_ms = max(may_ms, entered_ms + again_ms)
        turns_ms = max(at_ms, may_ms)
        if turns_ms < until_ms:
            member = want
            found.append((turns_ms, want))
            entered_ms, left_ms = (turns_ms, left_ms) if want else (entered_ms, turns_ms)
    return found


@given(st.integers(0, 2**32))
@settings(derandomize=True, max_examples=60, deadline=None, phases=(Phase.generate,))
def test_a_patient_segment_turns_when_its_twins_wish_has_lasted(seed: int):
    random = Random(seed)
    within = random.choice(["2 * HOUR", "1 * DAY", "4 * DAY"])
    sign = random.choice([">=", "<="])
    enter = f"count(product_viewed, within={within}) {sign} {random.choice([1, 2])}"
    stay, cooldown = random.choice([0, 1, 30]), random.choice([0, 3, 80])
    again = random.choice([0, 40, None])
    fields = [f"min_stay: {stay} * HOUR", f"cooldown: {cooldown} * HOUR"]
    if again != 0:
        fields.append("reentry: once" + ("" if again is None else f" per {again} * HOUR"))
    shadow = random.choice(["true", "false"])
    lane = Lane(definitions(
        f"name: twin, enter: '{enter}'",
        f"name: patient, shadow: {shadow}, enter: '{enter}', {', '.join(fields)}"))  # fmt: skip
    events = story(random, 20)
    for number, event in enumerate(events):
        lane.put("a", record(event, number))
        if random.random() < 0.4:
            lane.tick(event.time_ms + 1)
    end_ms = events[-1].time_ms + 30 * DAY
    lane.tick(end_ms)
    silent = [change for found in lane.effects for change in found.shadow_changes]
    told = sorted([*lane.changes, *silent], key=lambda change: change.time_ms)
    by_name = {
        name: [(one.time_ms, one.entered) for one in told if one.segment == name]
        for name in ("twin", "patient")
    }
    expected = patient(
        by_name["twin"], stay * HOUR, cooldown * HOUR,
        NEVER_MS if again is None else again * HOUR, end_ms,
    )  # fmt: skip
    assert [(t - START_MS, e) for t, e in by_name["patient"]] == [
        (t - START_MS, e) for t, e in expected
    ]
    assert {event.name for event in events} > {"product_viewed"}
    for size, restore in ((5_000, False), (7, True)):
        assert Run(list(lane.log), size, restore=restore).changes == Run(list(lane.log), 1).changes
