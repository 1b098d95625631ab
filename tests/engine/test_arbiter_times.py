"""How often and when customers are spoken to, told as stories: caps, quiet hours, waves."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from stream.events.records import Link
from tests.engine.lane import Lane
from tests.engine.spoken import cart, document, said, wait
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS, added, page, removed

# -- caps ------------------------------------------------------------------------------------------


def carts(lane: Lane, *at_ms: int) -> None:
    """A cart at each of these times, emptied an hour later."""
    for time_ms in at_ms:
        lane.put("a", added(time_ms, "p"))
        lane.put("a", removed(time_ms + HOUR, "p"))


def test_no_more_starts_than_the_cap_and_the_next_one_waits_for_its_end():
    lane = Lane(document(cart(), voice="{caps: {email: 2 per 7 * DAY}}"))
    carts(lane, START_MS, START_MS + DAY, START_MS + 2 * DAY)
    lane.put("a", added(START_MS + 5 * DAY, "p"))
    wait(lane, START_MS + 7 * DAY - 1)
    starts = [time_ms for what, time_ms, _ in said(lane) if what == "+cart"]
    assert starts == [0, DAY]
    wait(lane, START_MS + 7 * DAY)
    starts = [time_ms for what, time_ms, _ in said(lane) if what == "+cart"]
    assert starts == [0, DAY, 7 * DAY]


def test_another_channel_is_used_while_one_is_at_its_cap():
    lane = Lane(document(cart(channels="email, push"), voice="{caps: {email: 1 per 7 * DAY}}"))
    carts(lane, START_MS, START_MS + DAY)
    assert [a.channels for a in lane.actions if a.started] == [("email", "push"), ("push",)]


def test_caps_go_along_when_ids_are_joined():
    lane = Lane(document(cart(), voice="{caps: {email: 1 per 7 * DAY}}"))
    lane.put("anon", added(START_MS, "p"))
    lane.put("a", page(START_MS))
    lane.put("anon", Link(target="a", time_ms=START_MS + HOUR, received_ms=START_MS + HOUR))
    lane.deliver()
    assert [(a.customer, a.started, a.reason) for a in lane.actions] == [
        ("anon", True, None), ("anon", False, "merge")]  # fmt: skip
    assert lane.segments("a") == {"cart": START_MS + HOUR}
    lane.tick(START_MS + 7 * DAY)
    assert (lane.actions[-1].customer, lane.actions[-1].time_ms) == ("a", START_MS + 7 * DAY)


# -- quiet hours -----------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")


def berlin(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=BERLIN).timestamp() * 1000)


def quiet(entered: str, *, hours: str = "[21, 8]", channels: str = "email") -> int:
    """When the action of somebody who enters then starts, in ms."""
    voice = f"{{quiet_hours: {hours}}}"
    more = "consent_default: allow\ntimezone: Europe/Berlin"
    lane = Lane(document(cart(channels=channels), voice=voice, more=more))
    lane.put("a", added(berlin(entered), "p"))
    wait(lane, berlin(entered) + DAY)
    return lane.actions[0].time_ms


def test_the_action_waits_until_the_quiet_hours_end_by_the_shops_clock():
    assert quiet("2026-03-02T20:59") == berlin("2026-03-02T20:59")
    assert quiet("2026-03-02T21:00") == berlin("2026-03-03T08:00")
    assert quiet("2026-03-03T07:59") == berlin("2026-03-03T08:00")
    assert quiet("2026-03-03T13:00", hours="[12, 15]") == berlin("2026-03-03T15:00")


def test_the_night_of_summer_time_is_an_hour_shorter_and_that_of_winter_time_longer():
    evening = "2026-03-28T21:00"
    assert quiet(evening) == berlin("2026-03-29T08:00") == berlin(evening) + 10 * HOUR
    evening = "2026-10-24T21:00"
    assert quiet(evening) == berlin("2026-10-25T08:00") == berlin(evening) + 12 * HOUR


def test_an_hour_that_the_clock_skips_ends_the_night_where_it_would_have_begun():
    assert quiet("2026-03-28T23:00", hours="[22, 2]") == berlin("2026-03-29T03:00")


def test_an_hour_that_comes_twice_is_quiet_twice():
    assert quiet("2026-10-25T01:30", hours="[1, 3]") == berlin("2026-10-25T01:30") + 150 * MINUTE


def test_channels_that_wake_nobody_have_no_quiet_hours():
    assert quiet("2026-03-02T23:00", channels="onsite") == berlin("2026-03-02T23:00")


def test_what_is_no_longer_wanted_in_the_morning_is_not_said():
    lane = Lane(document(cart(), voice="{quiet_hours: [21, 8]}"))
    lane.put("a", added(START_MS, "p"), removed(START_MS + HOUR, "p"))
    lane.tick(START_MS + DAY)
    assert lane.actions == []
