"""Erasure: a customer's rows go, and what comes late does not bring them back.

An `Erase` is a record in the log of the id that it is of, so a replay erases at the same place.

1. The row leaves its segments, told with the cause `erasure` and without evidence; its action is
   withdrawn; it leaves the histograms, the timers and the changelog.
2. A marker stays: a keyed hash of the id, until when events are refused, and how many changes were
   told, so that the numbers of a customer who comes again go on. It outlives the log.
3. The request goes on to the customer that the id points to, to the ids that point here, and to
   customers whom an id was linked to before, who let go of its name and keep what is theirs.
4. What was on its way comes too late: an event, a link or a row from before the erasure is refused
   and counted. Who sent it on from another id still points here, and is erased for it.

Cost of a partition without markers: one comparison an event. With some, a hash of 1 us for each
customer that begins and each late event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

import msgspec

from stream.engine.decider import Decider
from stream.engine.effects import UnreadableVersionError
from stream.engine.identity import unpack_moved
from stream.engine.meta import ERASED_PREFIX
from stream.engine.store import RowStore
from stream.engine.telling import Moment
from stream.events.receipts import Outcome, Receipt
from stream.events.records import (
    PATH_MAX,
    Alias,
    Backfill,
    CustomerEvent,
    Erase,
    Link,
    Markers,
    Merge,
)
from stream.state.row import Row
from stream.state.row_parts import Voice

UNKEYED: Final = b"shoal"
"""The key where none is set: whoever has a list of ids can then tell which were erased."""

MARKER_BYTES: Final = 16
"""Of a hash: among a billion erased ids two are alike with a probability of 10^-21."""

KEY_NAME_BYTES: Final = 4


class Marker(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What stays of an erased id: 60 bytes in the changelog, some 250 in memory.

    A row takes over 900, so erasing never makes more.

    time_ms   events up to here are refused
    refuses   all later ones are, too
    sequence  changes told of the id; `said` are its action events
    key_name  which secret made the hash
    """

    time_ms: int
    refuses: bool
    sequence: int
    said: int
    key_name: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Marker).decode


def key_name_of(secret: bytes) -> bytes:
    """What tells one secret from another and does not give it away."""
    return blake2b(b"shoal erasure key", digest_size=KEY_NAME_BYTES, key=secret).digest()


def marker_of(identity: bytes, secret: bytes) -> bytes:
    """The keyed hash of an id (BLAKE2b, RFC 7693)."""
    return blake2b(identity, digest_size=MARKER_BYTES, key=secret).digest()


class Erasure:
    """The markers of one partition, and what erasing takes.

    Parameters
    ----------
    secrets
        The newest makes markers, all are asked. None: nobody folds here but to look ahead, and
        markers of any secret are as good as none.
    """

    def __init__(
        self, store: RowStore, decider: Decider, partition: int, secrets: tuple[bytes, ...] | None
    ) -> None:
        self.store = store
        self.decider = decider
        self.partition = partition
        self.markers: dict[bytes, Marker] = {}
        self._checks = secrets is not None
        self._secrets = (*(secrets or ()), UNKEYED)
        self._names = [key_name_of(secret) for secret in self._secrets]
        self._before: dict[bytes, Marker | None] = {}

    # -- markers ------------------------------------------------------------------------------

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take a marker from the changelog, or its tombstone."""
        if value is None:
            self.markers.pop(key[len(ERASED_PREFIX) :], None)
        else:
            self.markers[key[len(ERASED_PREFIX) :]] = _decode(value)

    def learn(self, record: Markers) -> None:
        """Take markers of a former run; what is newer here stays.

        Raises
        ------
        UnreadableVersionError
            As `check`: without the secret the erased would come back, and nobody could tell.
        """
        for digest, packed in record.packed.items():
            marker, known = _decode(packed), self.markers.get(digest)
            if known is not None:
                newer = marker if marker.time_ms > known.time_ms else known
                sequence, said = max(marker.sequence, known.sequence), max(marker.said, known.said)
                marker = msgspec.structs.replace(newer, sequence=sequence, said=said)
            self._put(digest, marker)
        self.check()

    def check(self) -> None:
        """Make sure that every marker can be recognised.

        Raises
        ------
        UnreadableVersionError
            A secret that made some of them is missing.
        """
        if not self._checks:
            return
        unknown = {marker.key_name for marker in self.markers.values()} - {*self._names}
        if unknown:
            raise UnreadableVersionError(
                f"erased markers were made with another secret ({min(unknown).hex()}): put it back "
                "as a further line of SHOAL_ERASURE_KEY_FILE; without it the erased come back"
            )

    def take_written(self) -> dict[bytes, bytes | None]:
        """Changelog records of the markers that the batch has changed."""
        if not self._before:
            return {}
        changed, self._before = self._before, {}
        markers = self.markers
        return {
            ERASED_PREFIX + digest: _encode(markers[digest]) if digest in markers else None
            for digest in changed
        }

    def rollback(self) -> None:
        """Undo what the batch has changed."""
        for digest, marker in self._before.items():
            if marker is None:
                self.markers.pop(digest, None)
            else:
                self.markers[digest] = marker
        self._before = {}

    def _find(self, key: bytes) -> tuple[bytes, Marker] | None:
        for secret in self._secrets:
            digest = marker_of(key, secret)
            marker = self.markers.get(digest)
            if marker is not None:
                return digest, marker
        return None

    def erased_ms(self, key: bytes) -> int:
        """Up to when the id was erased; -1: it was not."""
        found = self._find(key) if self.markers else None
        return -1 if found is None else found[1].time_ms

    def count_said(self, key: bytes, count: int) -> int | None:
        """How many action events were told of an erased id, to which `count` more come."""
        found = self._find(key) if self.markers else None
        if found is None:
            return None
        said = found[1].said
        if count:
            self._put(found[0], msgspec.structs.replace(found[1], said=said + count))
        return said

    def _put(self, digest: bytes, marker: Marker | None) -> None:
        self._before.setdefault(digest, self.markers.get(digest))
        if marker is None:
            self.markers.pop(digest, None)
        else:
            self.markers[digest] = marker

    # -- the gate -----------------------------------------------------------------------------

    def refuses(
        self, key: bytes, time_ms: int, record: CustomerEvent | Link | Merge | Alias | Backfill
    ) -> bool:
        """Whether the id was erased, and this is of before; then it is counted as its end."""
        if not self.markers:
            return False
        found = self._find(key)
        if found is None:
            return False
        marker = found[1]
        if not marker.refuses and time_ms > marker.time_ms:
            return False
        self.decider.effects.counts.erased += 1
        if not isinstance(record, Link) and record.path:
            self._send_back(key.decode(), marker, record)
        return True

    def begin(self, key: bytes, row: Row) -> None:
        """Let the numbers of an erased id that comes again go on."""
        found = self._find(key) if self.markers else None
        if found is not None:
            # Its own time is past the erasure: what is not late needs no look at the marker.
            row.time_ms = found[1].time_ms + 1
            row.sequence = found[1].sequence
            if found[1].said:
                row.voice = Voice(sequence=found[1].said)

    def _send_back(
        self, customer: str, marker: Marker, record: CustomerEvent | Merge | Alias | Backfill
    ) -> None:
        """Erase the id that sent it on, which still points here, and those that point to it.

        Who sent its row on has no list of them any more: it is in the row.
        """
        erase = Erase(
            time_ms=marker.time_ms,
            received_ms=record.received_ms,
            request="",
            refuses=marker.refuses,
            of=(customer, *record.path),
            path=(customer,),
        )
        names = [record.path[-1]]
        if isinstance(record, Merge):
            names += unpack_moved(record).aliases
        self.decider.effects.forwards += [(name, erase) for name in names if name != customer]

    # -- erasing ------------------------------------------------------------------------------

    def take(self, key: bytes, record: Erase) -> None:
        """Erase the id, or let go of the names that it is no more to know; tell the others."""
        self.decider.effects.counts.control += 1
        if not record.time_ms:
            record = msgspec.structs.replace(record, time_ms=self.decider.record_ms)
        row = self.store.get(key)
        if record.lifts:
            self._lift(key, record)
        elif record.of and row is not None and row.forward_to not in record.of:
            self._let_go(key, row, record)
        else:
            self._erase(key, row, record)

    def _lift(self, key: bytes, record: Erase) -> None:
        found = self._find(key)
        if found is not None and found[1].refuses:
            self._put(found[0], msgspec.structs.replace(found[1], refuses=False))
            self._write("lifted", key, record, {})
        else:
            self._write("unknown", key, record, {})

    def _let_go(self, key: bytes, row: Row, record: Erase) -> None:
        """Forget that ids of the erased were this one once; what it has is its own by now."""
        names = record.of
        aliases = [alias for alias in row.aliases if alias not in names]
        targets = [target for target in row.targets if target[0] not in names]
        ways = tuple(way for way in row.ways if way[0] not in names)
        count = len(row.aliases) + len(row.targets) + len(row.ways)
        count -= len(aliases) + len(targets) + len(ways)
        if count:
            row.aliases, row.targets, row.ways = aliases, targets, ways
            self.store.touch(key, row)
        if count or record.request:
            self._write("unlinked", key, record, {"links": count} if count else {})

    def _erase(self, key: bytes, row: Row | None, record: Erase) -> None:
        removed: dict[str, int] = {}
        time_ms, sequence, said, sent_on = record.time_ms, 0, 0, 0
        if row is not None:
            time_ms = max(time_ms, row.time_ms)
            removed = self._leave(key, row, time_ms)
            sequence = row.sequence
            said = 0 if row.voice is None else row.voice.sequence
            sent_on = self._tell_others(key.decode(), row, record)
            self.store.remove(key)
        found = self._find(key)
        refuses = record.refuses
        if found is not None:
            former = found[1]
            time_ms, refuses = max(time_ms, former.time_ms), refuses or former.refuses
            sequence, said = max(sequence, former.sequence), max(said, former.said)
            self._put(found[0], None)
        digest = marker_of(key, self._secrets[0])
        self._put(digest, Marker(time_ms, refuses, sequence, said, self._names[0]))
        if removed or record.request:
            self._write("suppressed" if refuses else "erased", key, record, removed, sent_on)

    def _leave(self, key: bytes, row: Row, now_ms: int) -> dict[str, int]:
        """Leave all segments, take the action back and leave the histograms; what there was."""
        decider = self.decider
        actions, changes = len(decider.effects.actions), len(decider.effects.changes)
        context = decider.timeline.of(row.activation)
        # It is done now, however old the rest of the batch: whoever acts on exits must hear it.
        record_ms, decider.record_ms = decider.record_ms, now_ms
        row.cluster = None
        for segment in sorted(row.segments):
            decider.tell(Moment(key, row, context, now_ms, "erasure"), segment)
        decider.speak((key, row, context, now_ms, "erasure", None))
        decider.record_ms = record_ms
        for segment in row.shadows:
            decider.members[segment] -= 1
        row.shadows = {}
        decider.leave_population(row, now_ms)
        decider.changed[key] = row  # for the tombstone among the memberships, changes or none
        return {
            "row": 1,
            "memberships": len(decider.effects.changes) - changes,
            "actions": len(decider.effects.actions) - actions,
            "links": len(row.aliases) + (row.forward_to is not None),
        }

    def _tell_others(self, customer: str, row: Row, record: Erase) -> int:
        """Send the request on along the row's links; to how many."""
        names = tuple(dict.fromkeys((*record.of, *record.path, customer, *row.aliases)))
        path = (*record.path[1 - PATH_MAX :], customer)
        down = msgspec.structs.replace(record, of=names, path=path)
        told = dict.fromkeys((*row.aliases, *_once(row)))
        if row.forward_to is not None and not record.of:
            up = msgspec.structs.replace(record, path=path)
            self.decider.effects.forwards.append((row.forward_to, up))
        passed_on = [name for name in told if name not in (*record.of, *record.path, customer)]
        self.decider.effects.forwards += [(name, down) for name in passed_on]
        return len(passed_on) + (row.forward_to is not None and not record.of)

    def _write(
        self,
        outcome: Outcome,
        key: bytes,
        record: Erase,
        removed: dict[str, int],
        sent_on: int = 0,
    ) -> None:
        self.decider.effects.receipts.append(
            Receipt(
                request=record.request,
                outcome=outcome,
                subject=marker_of(key, self._secrets[0]).hex(),
                keyed=self._secrets[0] != UNKEYED,
                partition=self.partition,
                time_ms=record.time_ms,
                removed=removed,
                sent_on=sent_on,
            )
        )


def _once(row: Row) -> Iterator[str]:
    """Other customers whom the id was linked to at some time."""
    pairs: Iterable[tuple[str, int]] = (*row.targets, *row.ways)
    return (name for name, _ in pairs if name and name != row.forward_to)
