"""Routing: a raw record to its customer's partition. Keeps no state of customers.

An event that carries more than one id of a person also sends a link to the lesser ids. A link that
this source sent within the last hour of event time is not sent again: it changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS, NEVER_MS, SECOND_MS, day_of
from stream.engine.effects import DeadRecord, LogRecord
from stream.engine.meta import SourceState
from stream.engine.routed import Outputs, Routed
from stream.events.decoded import Decoded
from stream.events.envelope import Reading, RejectedEventError, read
from stream.events.erasures import ErasureAskedError
from stream.events.identity import Links
from stream.events.partitioner import partition_of
from stream.events.records import CustomerEvent, Erase, Link, encode_record
from stream.events.reference import ReferenceBook

LINKS_REMEMBERED_MAX: Final = 50_000
"""Links kept to spare repeats: about 200 bytes each."""

ALIGNMENT_MS: Final = 60 * SECOND_MS
"""How far a source may be ahead of the clock while the clock is within a day of the broker's."""


POPULATION_LEAD_MS: Final = 5 * MINUTE_MS
"""How long before it comes into force a population version is announced, at least."""


def alignment_limit_ms(clock_ms: int, broker_ms: int) -> int:
    """Events at or after this instant wait until the clock has come nearer.

    Nothing passes before the first tick. Nothing passes the end of the clock's day before the
    clock is within `POPULATION_LEAD_MS` of it: a population version comes into force there, and
    must stand in the log before. Near the present the bound is `ALIGNMENT_MS` besides.
    """
    if clock_ms < 0:
        return 0
    limit_ms = (day_of(clock_ms + POPULATION_LEAD_MS) + 1) * DAY_MS
    if broker_ms - clock_ms < DAY_MS:
        return min(limit_ms, clock_ms + ALIGNMENT_MS)
    return limit_ms


class Router:
    """Routes one source, which is a raw partition.

    Where an event asks to forget somebody, what comes later is refused too if
    `refuses_erased`.
    """

    def __init__(
        self,
        source: int,
        partitions: int,
        reference: ReferenceBook | None = None,
        *,
        refuses_erased: bool = False,
    ) -> None:
        self.source = source
        self.partitions = partitions
        self.reference = reference
        self.refuses_erased = refuses_erased
        self.state = SourceState()
        self._links: dict[str, tuple[str, int]] = {}
        self._held: tuple[int, Reading] | None = None

    @property
    def next_offset(self) -> int:
        return self.state.next_offset

    @property
    def max_time_ms(self) -> int:
        """Highest event time routed."""
        return self.state.max_time_ms

    def resume(self, state: SourceState | None) -> None:
        """Stand where the meta record says; nothing is remembered of an aborted batch."""
        self.state = state or SourceState()
        self._links = {}
        self._held = None

    def route(self, records: Sequence[LogRecord], limit_ms: int = NEVER_MS) -> Routed:
        """Route a prefix of `records`: up to the first event at or after `limit_ms`."""
        result = Routed(outputs=self.nothing(), dead=[])
        # Local names in the loop: an attribute costs several times as much
        # (tests/bench/test_decode.py).
        outputs, dead, reference = result.outputs, result.dead, self.reference
        event_ms = ended_ms = consumed = control = skew_corrected = clamped = cut = 0
        held, self._held = self._held, None
        for record in records:
            try:
                if held is not None and held[0] == record.offset:
                    reading = held[1]
                else:
                    reading = read(record.value, record.timestamp, reference)
                key, event, time_ms, received_ms, links, corrected, is_clamped, is_cut, ends = (
                    reading
                )
                if time_ms >= limit_ms and not ends:
                    result.waiting_ms = time_ms
                    self._held = (record.offset, reading)
                    break
                if event is not None:
                    self._add(key, event, outputs)
                if links:
                    self._link(links, time_ms, received_ms, outputs)
            except RejectedEventError as error:
                control += self._no_event(record, error, result)
            else:
                if event is None:
                    control += 1
                    if ends:
                        result.history_ended = True
                        ended_ms = max(ended_ms, record.timestamp)
                elif time_ms > event_ms:
                    event_ms = time_ms
                skew_corrected += corrected
                clamped += is_clamped
                cut += is_cut
            consumed += 1
        if consumed:
            self._advance(records[consumed - 1], event_ms, ended_ms)
        result.consumed = consumed
        result.routed = consumed - control - len(dead)
        result.control = control
        result.skew_corrected = skew_corrected
        result.clamped = clamped
        result.cut = cut
        return result

    def _no_event(self, record: LogRecord, error: RejectedEventError, result: Routed) -> bool:
        """Erase whom it asks to erase, and say so; else it is for the dead letters."""
        if isinstance(error, ErasureAskedError):
            self.erase(error, f"{self.source}-{record.offset}", result.outputs)
            return True
        result.dead.append(DeadRecord(record, error.reason, error.field, str(error)))
        return False

    def _advance(self, last: LogRecord, event_ms: int, ended_ms: int) -> None:
        """Stand behind the last record; the highest times are of events and of history's end."""
        state = self.state
        state.next_offset = last.offset + 1
        state.broker_ms = last.timestamp
        state.event_ms = max(state.event_ms, event_ms)
        state.max_time_ms = max(state.max_time_ms, event_ms, ended_ms)

    def partition_of(self, key: bytes) -> int:
        """The customer partition of a key."""
        return partition_of(key, self.partitions)

    def emit(self, decoded: Decoded, outputs: Outputs) -> bool:
        """Add the records of one call for `customer-events`: its event, and links that are news.

        Returns whether there was such a link.

        Raises
        ------
        RejectedEventError
            For a number beyond the 64 bits of a record, such as a million pieces at the dearest
            price. Then nothing is added.
        """
        if decoded.record is not None:
            self._add(decoded.key, decoded.record, outputs)
        return self._link(decoded.links, decoded.time_ms, decoded.received_ms, outputs)

    def erase(self, asked: ErasureAskedError, request: str, outputs: Outputs) -> None:
        """Add the erasures that an event asks for; `request` names it in the receipts."""
        erase = Erase(
            time_ms=asked.time_ms,
            received_ms=asked.received_ms,
            request=request,
            refuses=asked.kind == "suppress" or (asked.kind == "forget" and self.refuses_erased),
            lifts=asked.kind == "lift",
        )
        value = encode_record(erase)
        self._links.clear()  # what comes of them from now on is news again
        for identity in asked.ids:
            key = identity.encode()
            outputs[partition_of(key, self.partitions)].append((key, value))

    def _add(self, customer: str, event: CustomerEvent, outputs: Outputs) -> None:
        key = customer.encode()
        try:
            outputs[partition_of(key, self.partitions)].append((key, encode_record(event)))
        except OverflowError:
            message = "Expected numbers of at most 64 bits"
            raise RejectedEventError("out_of_range", "$.properties", message) from None

    def _link(self, links: Links, time_ms: int, received_ms: int, outputs: Outputs) -> bool:
        """Add the links that are news, and say whether there are any."""
        has_news = False
        for identity, target in links:
            known = self._links.get(identity)
            if known is None or known[0] != target or not -HOUR_MS < time_ms - known[1] < HOUR_MS:
                has_news = True
                self._remember(identity, target, time_ms)
                key = identity.encode()
                link = Link(target=target, time_ms=time_ms, received_ms=received_ms)
                outputs[partition_of(key, self.partitions)].append((key, encode_record(link)))
        return has_news

    def nothing(self) -> Outputs:
        """No records for any partition."""
        return [[] for _ in range(self.partitions)]

    def _remember(self, identity: str, target: str, time_ms: int) -> None:
        if len(self._links) >= LINKS_REMEMBERED_MAX:
            self._links.clear()
        self._links[identity] = (target, time_ms)
