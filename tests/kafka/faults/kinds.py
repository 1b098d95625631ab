"""Every kind of fault, in the order in which rounds take them."""

from __future__ import annotations

from tests.kafka.faults import (
    access,
    brokers,
    failover,
    processes,
    storage,
    stores,
    three_brokers,
)

KINDS = (
    *processes.KINDS,
    *brokers.KINDS,
    *storage.KINDS,
    *access.KINDS,
    *stores.KINDS,
    *failover.KINDS,
    *three_brokers.KINDS,
)
