"""One raw partition: what has been fetched of it, where it goes, and how far it is.

The watermark is the highest event time seen, less the allowed lateness. While the partition is
read to its end and idle, broker time that passed counts as well, up to the moment at which the
empty fetch was sent that proved the end: an event that was appended before then has been seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from stream.clock import LATENESS_MS
from stream.engine.effects import EngineStateError
from stream.engine.meta import SourceState
from stream.engine.routed import Routed
from stream.engine.router import Router
from stream.shell.backlog import Backlog
from stream.shell.broker_time import BrokerTime

NOTHING_WRITTEN = -1


class Proof(Protocol):
    """After the record at `after` there was no other at `sent_s`; see `EndProof`."""

    @property
    def after(self) -> int | None: ...
    @property
    def sent_s(self) -> float: ...


class Source:
    """Fetched raw records and the state of their routing.

    Parameters
    ----------
    end_proof
        The newest proof that the partition had been read to its end, if any.
    """

    def __init__(
        self, router: Router, broker_time: BrokerTime, end_proof: Callable[[], Proof | None]
    ) -> None:
        self.backlog = Backlog()
        self._router = router
        self._broker_time = broker_time
        self._end_proof = end_proof
        self._waiting_ms: int | None = None

    def resume(self, state: SourceState | None) -> None:
        """Stand where the meta record says."""
        self._router.resume(None if state is None else msgspec.structs.replace(state))
        self._waiting_ms = None

    def state(self) -> SourceState:
        """What the meta record keeps; a copy, the router goes on with its own."""
        return msgspec.structs.replace(self._router.state)

    def is_ready(self, limit_ms: int) -> bool:
        """Whether there are records that the alignment limit lets through."""
        return bool(self.backlog) and (self._waiting_ms is None or self._waiting_ms < limit_ms)

    def route(self, records_max: int, limit_ms: int) -> Routed | None:
        """Route the oldest records before the limit; None when there is nothing to route."""
        if not self.is_ready(limit_ms):
            return None
        records = self.backlog.first(records_max)
        if records[0].offset < self._router.next_offset:
            raise EngineStateError(
                f"offset {records[0].offset} was routed before, {self._router.next_offset} is "
                "next: the raw topic was deleted and made anew while it was read; restart the "
                "worker, which then says what to do"
            )
        routed = self._router.route(records, limit_ms)
        self._waiting_ms = routed.waiting_ms
        self.backlog.drop(routed.consumed)
        return routed

    def watermark_ms(self) -> int:
        """Event time before which nothing is expected any more; -1: nothing was ever written.

        An event that waits for the clock has been seen: without it, the first would never pass.
        """
        highest_ms = max(self._router.max_time_ms, self._waiting_ms or 0)
        if highest_ms <= 0:
            return NOTHING_WRITTEN
        reached_ms = highest_ms + self._idle_ms()
        # A fast client's clock is not the time: nothing is later than the broker's now.
        now_ms = self._broker_time.now()
        return (reached_ms if now_ms is None else min(reached_ms, now_ms)) - LATENESS_MS

    def _idle_ms(self) -> int:
        """Broker time that has passed without an event, as far as it is proven."""
        proof = self._end_proof()
        if proof is None or self.backlog:
            return 0
        if proof.after is not None and proof.after >= self._router.next_offset:
            # The last records are still on their way from the consumer's thread.
            return 0
        proven_ms = self._broker_time.at(proof.sent_s)
        return 0 if proven_ms is None else max(0, proven_ms - self._router.state.broker_ms)
