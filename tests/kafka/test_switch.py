"""A switch that is interrupted anywhere is finished by the next one: nothing is told twice."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from stream.engine.run_mark import RUN_KEY
from stream.events.records import Record, Tick, Version
from stream.segments.pack import pack_name
from stream.shell import take_over
from stream.shell.delivery import Delivery, DeliveryAbortedError, Ends, Offsets
from stream.shell.outbox import Outbox
from stream.shell.run_start import begin
from stream.shell.run_switch import switch
from stream.shell.runs import RunsError, delivery_of
from stream.shell.settings import Settings
from tests.engine.spoken import buyer, cart, document
from tests.kafka.broker import Broker
from tests.kafka.by_hand import ByHand, Said
from tests.kafka.installation import Installation
from tests.state.shopping import MINUTE, added, order, page, removed

pytestmark = pytest.mark.kafka

VISITOR = "{name: visitor, purpose: p, enter: sessions.count >= 1}"
FORMER = document(cart(), buyer(channels="ads"))
NEW = document(cart(), buyer(channels="ads"), VISITOR)
"""The new run's rules know of something else of every customer."""

CUSTOMERS = 24


class Faults:
    """Of the deliveries by `writer` the `at`-th is not taken, or taken without an answer."""

    def __init__(
        self, writer: str, at: int, *, is_taken: bool = False, for_ever: bool = False
    ) -> None:
        self.writer = writer
        self.at = at
        self.is_taken = is_taken
        self.for_ever = for_ever
        self.done = 0
        self.opened: list[str] = []
        self.before_it_opens: dict[str, Callable[[], Awaitable[object]]] = {}

    def is_now(self, writer: str) -> bool:
        if writer != self.writer:
            return False
        self.done += 1
        return self.done == self.at or (self.for_ever and self.done > self.at)

    def new_delivery(self, settings: Settings, writer: str) -> Delivery:
        return Faulty(self, delivery_of(settings, writer), writer)


class Faulty:
    """A delivery that suffers them."""

    def __init__(self, faults: Faults, delivery: Delivery, writer: str) -> None:
        self.faults = faults
        self.delivery = delivery
        self.writer = writer

    async def open(self) -> None:
        self.faults.opened.append(self.writer)
        happens = self.faults.before_it_opens.pop(self.writer, None)
        if happens is not None:
            await happens()
        await self.delivery.open()

    async def deliver(self, outbox: Outbox, offsets: Offsets) -> Ends:
        is_now = self.faults.is_now(self.writer)
        if is_now and not self.faults.is_taken:
            raise DeliveryAbortedError("not taken")
        ends = await self.delivery.deliver(outbox, offsets)
        if is_now:
            raise DeliveryAbortedError("no answer")
        return ends

    async def close(self) -> None:
        await self.delivery.close()


def rules(content: bytes) -> Said:
    return None, Version(kind="definitions", name=pack_name(content), active_ms=0, content=content)


def shopping(at_ms: int) -> list[Said]:
    """A third has something in the cart, a third has bought, and one has looked."""
    found: list[Said] = []
    for n in range(CUSTOMERS):
        what: Record = (page(at_ms), added(at_ms, "p"), order(at_ms, "1"))[n % 3]
        found.append((f"c{n:02}", what))
    return found


class Shop:
    """Both runs, and what readers hear."""

    def __init__(self, kafka: Broker) -> None:
        self.place = Installation(kafka, partitions=1)
        self.former = ByHand(self.place.settings)
        self.new_place = Installation(kafka, partitions=1)
        self.new_place.settings = dataclasses.replace(self.place.settings, incarnation="2")
        self.new = ByHand(self.new_place.settings)
        self.begun_ms = int(time.time() * 1000) - 20 * MINUTE

    async def live(self) -> None:
        """Both have folded the same."""
        await self.place.create()
        await begin(self.new.settings)
        for run, content in ((self.former, FORMER), (self.new, NEW)):
            end = Tick(clock_ms=self.begun_ms + MINUTE)
            await run.write([rules(content), *shopping(self.begun_ms), (None, end)])
            await run.work()

    async def go_on(self, minutes: int, *said: Said) -> dict[str, Any]:
        """The new run takes in what came since, and a tick."""
        await self.new.write([*said, (None, Tick(clock_ms=self.at_ms(minutes)))])
        return await self.new.work()

    def at_ms(self, minutes: int) -> int:
        return self.begun_ms + minutes * MINUTE

    async def switch(self, faults: Faults | None = None) -> Any:
        new_delivery = delivery_of if faults is None else faults.new_delivery
        return await switch(
            self.new.settings, self.former.settings, 20.0, lambda _: None, new_delivery
        )

    async def told(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in await self.place.read(topic)]

    async def marks(self) -> list[bytes | None]:
        """Of the new run's partition: those that took its mark away, and what it has."""
        found = [r.value for r in await self.new_place.read("customers-changelog")
                 if r.key == RUN_KEY]  # fmt: skip
        return [one for one in found if one is None] or found[-1:]

    async def memberships(self) -> dict[str, set[str]]:
        latest = {r.key.decode(): r.value for r in await self.place.read("memberships")}
        return {k: set(json.loads(v)["segments"]) for k, v in latest.items() if v is not None}

    async def check(self, rows: dict[str, Any]) -> None:
        """Who follows what was told knows what the new run knows."""
        held: dict[str, set[str]] = defaultdict(set)
        latest: dict[str, int] = defaultdict(int)
        for change in await self.told("segment-changes"):
            customer, segment = change["subject"], change["data"]["segment"]
            assert int(change["sequence"]) > latest[customer], change
            latest[customer] = int(change["sequence"])
            assert change["type"].endswith(".entered") == (segment not in held[customer]), change
            held[customer] ^= {segment}
            assert held[customer] == set(change["data"]["segments"])
        wanted = {customer: set(row.segments) for customer, row in rows.items() if row.segments}
        assert {customer: found for customer, found in held.items() if found} == wanted
        assert await self.memberships() == wanted
        assert await self.open_actions() == {
            (customer, spoken.segment)
            for customer, row in rows.items()
            if row.voice is not None
            for spoken in (row.voice.current, *row.voice.suppressing.values())
            if spoken is not None
        }

    async def open_actions(self) -> set[tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        latest: dict[str, int] = defaultdict(int)
        for one in await self.told("actions"):
            customer = one["subject"]
            assert int(one["sequence"]) > latest[customer]
            latest[customer] = int(one["sequence"])
            if one["type"].endswith(".started"):
                found[one["id"]] = (customer, one["data"]["segment"])
            else:
                assert found.pop(one["data"]["of"]) == (customer, one["data"]["segment"])
        assert len(set(found.values())) == len(found)
        return set(found.values())


@pytest.fixture
def shop(kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(take_over, "RECORDS_MAX", 10)
    return Shop(kafka)


async def test_a_switch_that_is_interrupted_four_times_tells_all_and_nothing_twice(shop):
    await shop.live()
    goes_on = "switch again: it goes on where it was"
    for number, is_taken in enumerate((False, True)):
        faults = Faults("switch-0", 2, is_taken=is_taken)
        with pytest.raises(RunsError, match=goes_on):
            await shop.switch(faults)
        assert faults.opened == ["switch-0"]  # the owner has not been shut out
        # Some of whom it was told, and some of whom it was not, go on meanwhile.
        at_ms = shop.at_ms(2 + number)
        await shop.go_on(
            3 + number, (f"c0{3 * number}", added(at_ms, "q")), (f"c{22 - number}", page(at_ms)),
            (f"c0{1 + 3 * number}", removed(at_ms, "p")), ("c23", added(at_ms, f"{number}")),
        )  # fmt: skip
    faults = Faults("0", 1, for_ever=True)
    with pytest.raises(RunsError, match="stop the workers of incarnation 2, switch again, and"):
        await shop.switch(faults)
    assert faults.opened == ["switch-0", "0", "0"]
    assert None not in await shop.marks()
    await shop.go_on(5, ("c09", added(shop.at_ms(4), "q")))
    before = len(await shop.told("segment-changes"))
    faults = Faults("0", 2, is_taken=True)
    at_ms = shop.at_ms(5)
    faults.before_it_opens["0"] = lambda: shop.go_on(
        6, ("c13", removed(at_ms, "p")), ("c12", added(at_ms, "q"))
    )
    done = await shop.switch(faults)
    assert faults.opened == ["switch-0", "0", "0"]
    assert await shop.marks() == [None]
    assert before + done.changes == len(await shop.told("segment-changes"))
    assert done.members == CUSTOMERS
    at_ms = shop.at_ms(6)
    await shop.check(await shop.go_on(7, ("c07", removed(at_ms, "p")), ("c06", added(at_ms, "q"))))
    kept = await shop.open_actions()
    assert {("c07", "cart"), ("c13", "cart")}.isdisjoint(kept)
    assert {("c06", "cart"), ("c10", "cart"), ("c12", "cart"), ("c02", "buyer")} <= kept
