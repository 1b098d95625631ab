"""What is told when one run takes another's place: the difference of what they say, and once.

Readers have followed the former run's changes; after these they know what the new one knows. None
of them acts: they carry no action, and are old news. Sequences lie between the two runs' own. What
the former run has said to customers goes into the new one's log (engine/handover.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from xxhash import xxh3_128_hexdigest

from stream.clock import NEVER_MS, rfc3339
from stream.engine.partition import PartitionEngine
from stream.engine.run_mark import first_between, started_id
from stream.events.changes import Membership, SegmentChanged
from stream.events.records import Handover
from stream.state.row import Row
from stream.state.row_parts import Spoken, Voice
from stream.state.voice import pack_voice, says

CAUSE = "definition"
"""What decides has changed, as with new definitions; readers know the word."""


Waiting = tuple[int, int, int]
"""Of an action that waits: when its segment was entered, until when and from when on it may start.
"""


class Former(msgspec.Struct, frozen=True):
    """The run that served: its incarnation, and where its clock stood when it was ended."""

    incarnation: str = ""
    clock_ms: int = NEVER_MS


class Succession:
    """The successor's side of one partition, which is restored and folds nothing meanwhile."""

    def __init__(
        self, engine: PartitionEngine, former: Former | None = None, *, at_last: bool = False
    ) -> None:
        self._engine = engine
        self._former = former or Former()
        self._now_ms = max(0, engine.clock_ms)
        tries = 0 if engine.mark is None else engine.mark.tries
        self._first = first_between(engine.settings.incarnation, tries, at_last=at_last)
        self._peeked: tuple[bytes, Row | None] = (b"", None)

    def _row(self, key: bytes) -> Row | None:
        """The row, which is unpacked once for all that is asked of a customer in a row."""
        if self._peeked[0] != key:
            self._peeked = key, self._engine.store.peek(key)
        return self._peeked[1]

    def changes(self, key: bytes, told: Mapping[str, object]) -> list[SegmentChanged]:
        """From what the former run told of a customer to what is known here; leaves come first."""
        customer, row = key.decode(), self._row(key) or Row()
        gone = [(name, False) for name in sorted(told) if name not in row.segments]
        come = [(name, True) for name in sorted(row.segments) if name not in told]
        turned = gone + come
        held = set(told)
        found = []
        for number, (segment, entered) in enumerate(turned):
            held ^= {segment}
            sequence = self._first + number
            found.append(self._change(customer, row, segment, entered, sequence, held))
        return found

    def membership(self, key: bytes, turned: int = 0) -> Membership | None:
        """A customer's memberships after so many changes of these; None: in no segment."""
        row = self._row(key)
        if row is None or not row.segments:
            return None
        sequence = self._first + max(0, turned - 1)
        return Membership(key.decode(), dict(row.segments), sequence, row.changed_ms)

    def handover(self, key: bytes, said: Voice, told: Mapping[str, object]) -> Handover | None:
        """What this run is to know of what the former one said; None: neither has to say anything.

        `said` is the voice that the customer has there, `told` the memberships.
        """
        row = self._row(key)
        own = Voice() if row is None or row.voice is None else row.voice
        if not (says(said) or says(own)):
            return None
        held = {} if row is None else row.segments
        current = said.current
        suppressing = {s: self._known(key, one, held) for s, one in said.suppressing.items()}
        waiting = {s: (held.get(s, entry[0]), *entry[1:]) for s, entry in said.waiting.items()}
        known = {*suppressing, *waiting} | ({current.segment} if current else set())
        for segment, entry in _asked(own).items():
            is_news = entry[0] > self._former.clock_ms and told.get(segment) != rfc3339(entry[0])
            if is_news and segment not in known:
                waiting[segment] = entry
        voice = Voice(
            current=None if current is None else self._known(key, current, held),
            waiting=waiting,
            suppressing=suppressing,
            starts=said.starts,
        )
        return Handover(voice=pack_voice(voice), own=pack_voice(own), time_ms=self._now_ms)

    def _known(self, key: bytes, spoken: Spoken, held: Mapping[str, int]) -> Spoken:
        """As readers know it, and of the membership that is the same one here."""
        started = spoken.id or started_id(key.decode(), self._former.incarnation, spoken)
        entered_ms = held.get(spoken.segment, spoken.entered_ms)
        return msgspec.structs.replace(spoken, id=started, entered_ms=entered_ms)

    def _change(
        self, customer: str, row: Row, segment: str, entered: bool, sequence: int, held: set[str]
    ) -> SegmentChanged:
        context = self._engine.timeline.of(row.activation)
        version = context.told_of(segment).version
        stamp = context.stamp_of(customer, segment)
        facts = (customer, self._engine.settings.incarnation, sequence, segment, entered, version)
        return SegmentChanged(
            id=xxh3_128_hexdigest("\0".join(map(str, ("succession", *facts))).encode()),
            customer=customer,
            segment=segment,
            entered=entered,
            time_ms=max(self._now_ms, row.changed_ms),
            sequence=sequence,
            definition=version,
            cause=CAUSE,
            evidence=(),
            next_flip_ms=None,
            segments=tuple(sorted(held)),
            historic=True,
            initial=True,
            valid_until_ms=None,
            control=stamp.holdout is not None,
            action={},
            at_ms=row.segments.get(segment),
            holdout=stamp.holdout,
        )


def _asked(own: Voice) -> dict[str, Waiting]:
    """What would wait, had it not been started while nobody was told."""
    spoken = [*own.suppressing.values(), *((own.current,) if own.current else ())]
    started = {one.segment: (one.entered_ms, one.until_ms, 0) for one in spoken if not one.id}
    return {**own.waiting, **started}
