"""One partition of the new run is taken over: what it knows differently is told, and it serves.

1. The partition's changelog is read, and the difference is told in transactions of bounded size,
   while the owner goes on folding and telling nothing. What was told stands in the memberships, so
   whoever does it again, after an interruption or for what has changed since, tells the rest.
2. The switch becomes the partition's writer, which shuts the owner out. It reads what the changelog
   has since, tells the difference of those rows, writes what the former run has said to customers
   into the log, and takes the mark away, with the last transaction.
3. The owner comes back by itself, and tells from there on.

How long the owner is shut out depends on what has changed since it was first read and on how many
have a voice, and not on the rows: it is back after three heartbeats and would take the partition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from stream.clock import rfc3339
from stream.engine.partition import PartitionEngine
from stream.engine.run_mark import RUN_KEY, RunMark, pack_mark
from stream.engine.settings import EngineSettings
from stream.engine.succession import Succession
from stream.events.cloudevent import encode_change, encode_membership
from stream.events.records import encode_record
from stream.events.topics import CHANGELOG, CHANGES, CUSTOMER_EVENTS, MEMBERSHIPS
from stream.shell.delivery import Delivery, DeliveryAbortedError, OwnershipLostError
from stream.shell.log_reader import LogReader
from stream.shell.outbox import NO_HEADERS, Outbox
from stream.shell.restore import changelog_place
from stream.shell.runs import NewDelivery, RunsError
from stream.shell.settings import Settings
from stream.shell.told import Known, Told

RECORDS_MAX = 10_000
"""Records of one transaction, some 500 bytes each: 5 MB."""

ROUNDS_MAX = 4
LITTLE = 5_000
"""Rows changed since the difference was told, which are looked at while the owner is shut out."""

TRIES_MAX = 2
"""So often the owner is shut out. It takes the third time within an hour for a stranger's."""

_NOBODY = Told(-1, {}, {})


class Switched(msgspec.Struct):
    """What a switch has done: changes told, and customers in some segment now."""

    changes: int = 0
    members: int = 0

    def add(self, other: Switched) -> None:
        """Add up."""
        self.changes += other.changes
        self.members += other.members


class TakeOver:
    """Of one partition."""

    def __init__(
        self, settings: Settings, partition: int, known: Known, new_delivery: NewDelivery
    ) -> None:
        self._settings = settings
        self._partition = partition
        self._known = known
        self._new_delivery = new_delivery
        own = EngineSettings(shop=settings.shop, incarnation=settings.incarnation)
        self._engine = PartitionEngine(partition, own)
        self._touched: set[bytes] = set()
        self._told: dict[bytes, Told] = {}
        self._handovers: dict[bytes, bytes] = {}
        self._members: set[bytes] = set()
        self._changes = 0
        self._last_changes = 0

    async def run(self) -> Switched:
        """Let the partition serve.

        Raises
        ------
        RunsError
            Its owner takes it back each time.
        """
        place = changelog_place(self._settings, self._partition)
        async with LogReader(self._settings, [place], bare=True) as reader:
            await self._read(reader)
            if self._engine.mark is not None:
                await self._tell_ahead(reader)
                await self._serve(reader)
        return Switched(self._changes + self._last_changes, len(self._members))

    async def _read(self, reader: LogReader) -> None:
        """Read the changelog on to its end, and stand there."""
        engine, touched = self._engine, self._touched
        async for records in reader.to_end():
            for record in records:
                engine.restore(record.key, record.value)
                if not record.key.startswith(b"\0"):
                    touched.add(record.key)
        # Its first step brings versions and the clock; the others bring timers, and none is due.
        next(engine.index(), None)

    # -- while the owner folds ----------------------------------------------------------------

    async def _tell_ahead(self, reader: LogReader) -> None:
        """Tell the difference, and again of what changes meanwhile, until that is little."""
        # Opened in any case: another switch that has begun is shut out by it.
        delivery = self._new_delivery(self._settings, f"switch-{self._partition}")
        await delivery.open()
        try:
            keys = {*self._engine.store.keys(), *self._known.customers(self._partition)}
            for _ in range(ROUNDS_MAX):
                self._touched.clear()
                await self._tell(delivery, sorted(keys))
                await reader.look_again()
                await self._read(reader)
                if len(self._touched) <= LITTLE:
                    return
                keys = set(self._touched)
        finally:
            await delivery.close()

    async def _tell(self, delivery: Delivery, keys: list[bytes]) -> None:
        mark = self._engine.mark
        assert mark is not None
        begun = msgspec.structs.replace(mark, tries=mark.tries + 1)
        succession, outbox = Succession(self._engine, self._known.former), Outbox()
        for key in keys:
            self._changes += self._put(outbox, succession, key)
            if outbox.record_count >= RECORDS_MAX:
                await self._deliver_ahead(delivery, outbox, begun)
                outbox = Outbox()
        if outbox.record_count:
            await self._deliver_ahead(delivery, outbox, begun)

    async def _deliver_ahead(self, delivery: Delivery, outbox: Outbox, begun: RunMark) -> None:
        self._mark(outbox, pack_mark(begun))
        await delivery.deliver(outbox, {})
        self._known.told.update(self._told)
        self._told.clear()

    def _put(self, outbox: Outbox, succession: Succession, key: bytes) -> int:
        """Put what there is to tell of a customer; how many changes that is."""
        settings, partition = self._settings, self._partition
        told = self._known.told.get(key, _NOBODY)
        changes = succession.changes(key, told.since)
        changes_topic = settings.topic(CHANGES.name)
        for change in changes:
            outbox.put(changes_topic, partition, key, encode_change(change, settings.shop))
        memberships = settings.topic(MEMBERSHIPS.name)
        now = succession.membership(key, len(changes))
        since = {} if now is None else {s: rfc3339(at_ms) for s, at_ms in now.since_ms.items()}
        has_moved = told.partition != partition
        if now is None:
            self._members.discard(key)
        else:
            self._members.add(key)
            if has_moved or since != told.since:
                outbox.put(memberships, partition, key, encode_membership(now))
        if told.since and (has_moved or now is None):
            outbox.put(memberships, told.partition, key, None)
        self._told[key] = Told(partition, since, told.former)
        self._hand_over(succession, key, told.former)
        return len(changes)

    def _hand_over(self, succession: Succession, key: bytes, was: Mapping[str, object]) -> None:
        handover = succession.handover(key, self._known.voices.of(key), was)
        if handover is None:
            self._handovers.pop(key, None)
        else:
            self._handovers[key] = encode_record(handover)

    def _mark(self, outbox: Outbox, packed: bytes | None) -> None:
        changelog = self._settings.topic(CHANGELOG.name)
        outbox.put(changelog, self._partition, RUN_KEY, packed)

    # -- while it is shut out -----------------------------------------------------------------

    async def _serve(self, reader: LogReader) -> None:
        for tried in range(TRIES_MAX):
            await asyncio.sleep(tried)
            if await self._served(reader):
                return
        # The answer to the last commit may be all that was lost.
        await reader.look_again()
        await self._read(reader)
        if self._engine.mark is not None:
            raise RunsError(
                f"partition {self._partition} was taken back by its owner, or not committed, "
                f"{TRIES_MAX} times; stop the workers of incarnation {self._settings.incarnation}, "
                "switch again, and start them"
            )

    async def _served(self, reader: LogReader) -> bool:
        """Try once; whether the partition serves, by this try or by the one before."""
        delivery = self._new_delivery(self._settings, f"{self._partition}")
        try:
            await delivery.open()
            await reader.look_again()
            await self._read(reader)
            if self._engine.mark is None:
                return True
            succession = Succession(self._engine, self._known.former, at_last=True)
            last = Outbox()
            self._told.clear()
            changes = [self._put(last, succession, key) for key in sorted(self._touched)]
            self._last_changes = sum(changes)
            said = list(self._handovers.items())
            while len(said) > RECORDS_MAX:
                await delivery.deliver(self._into_log(Outbox(), said[:RECORDS_MAX]), {})
                del said[:RECORDS_MAX]
            self._mark(self._into_log(last, said), None)
            await delivery.deliver(last, {})
        except (OwnershipLostError, DeliveryAbortedError):
            return False
        finally:
            await delivery.close()
        return True

    def _into_log(self, outbox: Outbox, said: list[tuple[bytes, bytes]]) -> Outbox:
        log = self._settings.topic(CUSTOMER_EVENTS.name)
        outbox.put_all(log, self._partition, ((key, value, NO_HEADERS) for key, value in said))
        return outbox
