"""Turns what the engine says into records: the one place that knows which effect goes where."""

from __future__ import annotations

from stream.engine.effects import DeadRecord, Effects
from stream.engine.routed import Routed
from stream.events import topics
from stream.events.cloudevent import (
    CONTENT_TYPE,
    encode_action,
    encode_change,
    encode_membership,
)
from stream.events.partitioner import partition_of
from stream.events.receipts import encode_receipt
from stream.events.records import encode_record
from stream.shell.dead_letters import dead_letter_content, dead_letter_headers
from stream.shell.outbox import NO_HEADERS, Headers, Outbox
from stream.shell.settings import Settings

DECODE, FOLD = "decode", "fold"
_CHANGE_HEADERS: Headers = [("content-type", CONTENT_TYPE)]


class Poster:
    """Addresses the effects of one partition."""

    def __init__(self, settings: Settings, partition: int) -> None:
        self._partition = partition
        self._partitions = settings.partitions
        self._shop = settings.shop
        self._run = settings.incarnation
        self._events = settings.topic(topics.EVENTS.name)
        self._log = settings.topic(topics.CUSTOMER_EVENTS.name)
        self._changelog = settings.topic(topics.CHANGELOG.name)
        self._changes = settings.topic(topics.CHANGES.name)
        self._actions = settings.topic(topics.ACTIONS.name)
        self._memberships = settings.topic(topics.MEMBERSHIPS.name)
        self._dead_letters = settings.topic(topics.DEAD_LETTERS.name)
        self._clock = settings.topic(topics.CLOCK.name)
        self._erasures = settings.topic(topics.ERASURES.name)
        self._learned = settings.topic(topics.LEARNED.name)

    def post_routed(self, outbox: Outbox, routed: Routed) -> None:
        """Records for the customers' log, and raw records that are none."""
        for partition, records in enumerate(routed.outputs):
            if records:
                entries = ((key, value, NO_HEADERS) for key, value in records)
                outbox.put_all(self._log, partition, entries)
        self._post_dead(outbox, routed.dead, self._events, DECODE)

    def post_effects(self, outbox: Outbox, effects: Effects) -> None:
        """Everything that folding a batch has said but what was learned."""
        here = self._partition
        for customer, record in effects.forwards:
            key = customer.encode()
            value = encode_record(record)
            outbox.put(self._log, partition_of(key, self._partitions), key, value)
        self._post_told(outbox, effects)
        self._post_dead(outbox, effects.dead, self._log, FOLD)
        outbox.put_all(
            self._changelog, here, ((key, row, NO_HEADERS) for key, row in effects.rows.items())
        )

    def _post_told(self, outbox: Outbox, effects: Effects) -> None:
        here = self._partition
        outbox.put_all(
            self._changes,
            here,
            (
                (change.customer.encode(), encode_change(change, self._shop), _CHANGE_HEADERS)
                for change in effects.changes
            ),
        )
        outbox.put_all(
            self._actions,
            here,
            (
                (turned.customer.encode(), encode_action(turned, self._shop), _CHANGE_HEADERS)
                for turned in effects.actions
            ),
        )
        outbox.put_all(
            self._memberships,
            here,
            (
                (customer.encode(), None if now is None else encode_membership(now), NO_HEADERS)
                for customer, now in effects.memberships.items()
            ),
        )

        for receipt in effects.receipts:
            outbox.put(self._erasures, 0, receipt.subject.encode(), encode_receipt(receipt))

    def post_report(self, outbox: Outbox, key: bytes, report: bytes) -> None:
        """How far this partition's source is."""
        outbox.put(self._clock, 0, key, report)

    def post_learned(self, outbox: Outbox, key: bytes, summary: bytes) -> None:
        """What this partition has learned."""
        outbox.put(self._learned, 0, key, summary)

    def _post_dead(self, outbox: Outbox, dead: list[DeadRecord], topic: str, stage: str) -> None:
        for each in dead:
            key, value, more = dead_letter_content(each)
            told = dead_letter_headers(each, topic, self._partition, stage, self._run)
            headers = [*told, *more]
            outbox.put(self._dead_letters, self._partition, key, value, headers)
