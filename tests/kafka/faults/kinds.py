"""Every kind of fault, in the order in which rounds take them."""

from __future__ import annotations

from tests.kafka.faults import brokers, failover, processes, storage

KINDS = (*processes.KINDS, *brokers.KINDS, *storage.KINDS, *failover.KINDS)
