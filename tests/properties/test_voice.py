"""Whatever happens in whatever order: one voice, with consent, within the caps, at its hours.

What is allowed is worked out here anew, from the events alone and in the plainest way.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stream.engine.effects import StoredRecord
from stream.engine.partition import PartitionEngine
from stream.events.actions import ActionTurned
from stream.events.cloudevent import encode_action
from stream.events.records import (
    ConsentChanged,
    Identified,
    Link,
    MessageResponded,
    Tick,
    Version,
    decode_record,
    encode_record,
)
from tests.engine.lane import SETTINGS
from tests.engine.recorded import fold_in_batches
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    consent,
    identified,
    message,
    order,
    page,
    removed,
    search,
)

CAPS = {"email": (2, 3 * DAY), "push": (1, DAY)}
BERLIN = ZoneInfo("Europe/Berlin")
CUSTOMERS = ("a", "b", "c", "d", "e", "f")

DOCUMENT = """
timezone: Europe/Berlin
consent_default: DEFAULT
control: {share: 0.1}
voice: {caps: {email: 2 per 3 * DAY, push: 1 per 1 * DAY}, quiet_hours: [21, 8]}
segments:
  - {name: cart, purpose: p, enter: cart.items > 0, priority: 60, jitter: 30 * MINUTE,
     action: {channels: [email, push], consent: marketing, message: m, enabled: true}}
  - {name: quiet, purpose: p, enter: since(seen.last) >= 2 * DAY, priority: 40,
     action: {channels: [push, onsite], consent: marketing, message: m, enabled: true,
              control: 0.2}}
  - {name: keen, purpose: p, enter: session.pages >= 2, priority: 70, needs: email/marketing,
     action: {channels: [email], consent: marketing, message: m, enabled: ENABLED}}
  - {name: buyer, purpose: p, enter: since(orders.last) < 1 * DAY,
     action: {kind: suppress, channels: [email], purpose: p, enabled: true, control: 0.2}}
"""


def pack(random: Random, default: str) -> bytes:
    enabled = random.choice(["true", "false"])
    return DOCUMENT.replace("DEFAULT", default).replace("ENABLED", enabled).encode()


def happening(random: Random, at_ms: int) -> Any:
    yes = random.random() < 0.7
    return random.choice(
        (
            lambda: page(at_ms),
            lambda: search(at_ms),
            lambda: added(at_ms, "p"),
            lambda: removed(at_ms, "p"),
            lambda: order(at_ms, str(random.randrange(9)), 5),
            lambda: consent(at_ms, marketing=yes),
            lambda: consent(at_ms, email__marketing=yes),
            lambda: identified(at_ms, push_opt_in=yes),
            lambda: message(at_ms, random.choice(["unsubscribed", "opened"]), "email"),
        )
    )()


def random_log(seed: int, length: int = 500, *, links: bool = False) -> list[StoredRecord]:
    random = Random(seed)
    log: list[StoredRecord] = []
    now_ms, default = START_MS, random.choice(["allow", "deny"])

    def put(key: str | None, record: Any) -> None:
        log.append(StoredRecord(len(log), now_ms, key and key.encode(), encode_record(record)))

    put(None, Version(kind="definitions", name="0", active_ms=0, content=pack(random, default)))
    for number in range(length):
        passed_ms = random.choice([1, MINUTE, 20 * MINUTE, HOUR, 5 * HOUR, 2 * DAY])
        for clock_ms in range(now_ms, now_ms + passed_ms, 20 * MINUTE):
            now_ms = clock_ms
            put(None, Tick(clock_ms=clock_ms))
        now_ms += random.choice([0, 1, MINUTE])
        draw, customer = random.random(), random.choice(CUSTOMERS)
        if draw < 0.03:
            content = pack(random, default)
            put(
                None,
                Version(kind="definitions", name=f"{number}", active_ms=now_ms, content=content),
            )
        elif draw < 0.05 and links:
            target = random.choice(CUSTOMERS)
            put(customer, Link(target=target, time_ms=now_ms, received_ms=now_ms))
        else:
            late_ms = random.choice([0, 0, 0, 10 * MINUTE, 3 * HOUR, 4 * DAY])
            put(customer, happening(random, now_ms - late_ms))
    return log


Said = Iterator[tuple[int, bool]]


def latest(words: Said) -> tuple[int, bool] | None:
    """The latest one, and of two at one instant the no."""
    found = sorted((time_ms, not said) for time_ms, said in words)
    return (found[-1][0], not found[-1][1]) if found else None


def words_about(events: list[Any], key: str, trait: str = "") -> Said:
    for event in events:
        if isinstance(event, ConsentChanged) and key in event.preferences:
            yield event.time_ms, event.preferences[key]
        elif isinstance(event, Identified) and trait in event.traits:
            yield event.time_ms, bool(event.traits[trait])


def doors(events: list[Any], channel: str) -> Said:
    for event in events:
        if isinstance(event, MessageResponded):
            if (event.action, event.medium) == ("unsubscribed", channel):
                yield event.time_ms, False
        elif isinstance(event, ConsentChanged) and event.preferences.get(f"{channel}/marketing"):
            yield event.time_ms, True


def agrees(events: list[Any], channel: str, default: bool) -> bool:
    """May marketing use the channel, by these events? The latest word of each kind counts."""
    door = latest(doors(events, channel))
    own = latest(words_about(events, f"{channel}/marketing", f"{channel}_opt_in"))
    general = latest(words_about(events, "/marketing"))
    if door is not None and not door[1]:
        return False
    if own is None:
        return default if general is None else general[1]
    if own[1] and general is not None and not general[1]:
        return own[0] > general[0]
    return own[1]


class Watched:
    """What is said, checked as it is said."""

    def __init__(self, *, default: bool) -> None:
        self.default = default
        self.events: dict[str, list[Any]] = {}
        self.current: dict[str, ActionTurned] = {}
        self.suppressing: dict[str, dict[str, ActionTurned]] = {}
        self.starts: dict[tuple[str, str], list[int]] = {}
        self.sequence: dict[str, int] = {}
        self.reasons: set[str | None] = set()

    def check_action(self, turned: ActionTurned) -> None:
        customer = turned.customer
        assert turned.sequence == self.sequence.get(customer, 0) + 1
        self.sequence[customer] = turned.sequence
        self.reasons.add(turned.reason)
        if turned.kind == "suppress":
            held = self.suppressing.setdefault(customer, {})
            if turned.started:
                assert held.setdefault(turned.segment, turned) is turned
            else:
                assert held.pop(turned.segment).id == turned.of
        elif not turned.started:
            assert self.current.pop(customer).id == turned.of
        else:
            assert customer not in self.current
            self.current[customer] = turned
            self.check_start(turned)

    def check_start(self, turned: ActionTurned) -> None:
        hour = datetime.fromtimestamp(turned.time_ms / 1000, BERLIN).hour
        assert set(turned.channels) == {"onsite"} or 8 <= hour < 21
        for channel in turned.channels:
            starts = self.starts.setdefault((turned.customer, channel), [])
            starts.append(turned.time_ms)
            count, per_ms = CAPS.get(channel, (1_000, 1))
            assert len([at for at in starts if at > turned.time_ms - per_ms]) <= count

    def check_what_holds(self) -> None:
        """Nothing is being said without consent, or on a channel that is suppressed."""
        for customer, turned in self.current.items():
            closed = {c for s in self.suppressing.get(customer, {}).values() for c in s.channels}
            assert closed.isdisjoint(turned.channels)
            for channel in turned.channels:
                assert agrees(self.events.get(customer, []), channel, self.default)


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_thing_is_said_at_a_time_with_consent_within_the_caps_and_not_at_night(seed: int):
    log = random_log(seed)
    watched = Watched(default=b"consent_default: allow" in (log[0].value or b""))
    engine = PartitionEngine(0, SETTINGS)
    for record in log:
        if record.key is not None:
            event = decode_record(record.value or b"")
            watched.events.setdefault(record.key.decode(), []).append(event)
        for turned in engine.fold([record]).actions:
            watched.check_action(turned)
        watched.check_what_holds()
    assert {None, "exited", "consent"} <= watched.reasons
    assert len(watched.starts) > 3


def said(log: list[StoredRecord], size: int, *, restore: bool) -> dict[str, list[bytes]]:
    """By customer: the order among customers is that of the timers of a batch."""
    engine = PartitionEngine(0, SETTINGS)
    changelog: dict[bytes, bytes] = {}
    found: dict[str, list[bytes]] = {}

    def take(effects: Any) -> None:
        changelog.update(effects.rows)
        for turned in effects.actions:
            found.setdefault(turned.customer, []).append(encode_action(turned, "s"))

    for at in range(0, len(log), size):
        fold_in_batches(engine, log[at : at + size], lambda: size, take)
        if restore:
            engine = PartitionEngine(0, SETTINGS)
            for key, value in changelog.items():
                engine.restore(key, value)
            engine.restored()
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_any_batches_and_any_restores_say_the_same(seed: int):
    log = random_log(seed, 250, links=True)
    whole = said(log, len(log), restore=False)
    for size, restore in ((1, False), (17, False), (61, True)):
        assert said(log, size, restore=restore) == whole
    assert sum(map(len, whole.values())) > 10
