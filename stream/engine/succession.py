"""What is told when one run takes another's place: the difference of what they say, and once.

Readers have followed the former run's changes; after these they know what the new one knows. None
of them acts: they carry no action, and are old news. Sequences lie between the two runs' own.
"""

from __future__ import annotations

from collections.abc import Mapping

from xxhash import xxh3_128_hexdigest

from stream.engine.partition import PartitionEngine
from stream.engine.run_mark import sequence_base
from stream.events.changes import Membership, SegmentChanged
from stream.state.row import Row

CAUSE = "definition"
"""What decides has changed, as with new definitions; readers know the word."""


class Succession:
    """The successor's side of one partition, which is restored and folds nothing meanwhile."""

    def __init__(self, engine: PartitionEngine) -> None:
        self._engine = engine
        self._now_ms = max(0, engine.clock_ms)
        self._base = sequence_base(engine.settings.incarnation)

    def customers(self) -> list[bytes]:
        """All who have a row, in the order of their ids."""
        return sorted(key for key, _ in self._engine.store.rows())

    def changes(self, key: bytes, told: Mapping[str, object]) -> list[SegmentChanged]:
        """From what the former run told of a customer to what is known here; leaves come first."""
        customer, row = key.decode(), self._engine.store.peek(key) or Row()
        gone = [(name, False) for name in sorted(told) if name not in row.segments]
        come = [(name, True) for name in sorted(row.segments) if name not in told]
        turned = gone + come
        held = set(told)
        found = []
        for number, (segment, entered) in enumerate(turned):
            held ^= {segment}
            sequence = self._base - len(turned) + number
            found.append(self._change(customer, row, segment, entered, sequence, held))
        return found

    def membership(self, key: bytes) -> Membership | None:
        """A customer's memberships; None: in no segment."""
        row = self._engine.store.peek(key)
        if row is None or not row.segments:
            return None
        sequence = self._base + row.sequence
        return Membership(key.decode(), dict(row.segments), sequence, row.changed_ms)

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
