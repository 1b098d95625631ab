"""Clients that ask a broker which is gone less and less often, and wait for one to be named.

aiokafka asks again as soon as it is to retry, and producers of transactions retry every 2 ms (see
`connection.RETRY_BACKOFF_MS`): a worker whose broker was gone opened 1,600 connections a second.
Written for the release that `check_pins` insists on, held by `tests/contracts/test_reconnects.py`;
it relies on this: every request gets its connection from `AIOKafkaClient._get_conn`, which says
None when a node cannot be reached; who looks a coordinator up, for a group or for transactions,
does so by `coordinator_lookup`, tries again where that says that there is none, and asks for the
cluster's brokers anew before.
"""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import CoordinatorNotAvailableError

FIRST_WAIT_S = 0.05
WAIT_MAX_S = 1.0
"""A client tries a node that it cannot reach again after 50 ms, 100 ms, ... 1 s: a broker that is
back is found within a second, and a worker with 16 partitions asks some 40 times in one."""


NAMELESS_WAIT_S = 0.1
"""How often a cluster that names no broker is asked again."""


class _Refusals:
    """A client's nodes that could not be reached: how long to wait, and until when."""

    def __init__(self) -> None:
        self._waits: dict[Any, tuple[float, float]] = {}

    def wait_s(self, node_id: Any) -> float:
        """Seconds until the node may be tried."""
        _, until_s = self._waits.get(node_id, (0.0, 0.0))
        return until_s - time.monotonic()

    def note(self, node_id: Any) -> None:
        """It could not be reached; those who tried at the same time count as one."""
        wait_s, until_s = self._waits.get(node_id, (FIRST_WAIT_S / 2, 0.0))
        now_s = time.monotonic()
        if now_s >= until_s:
            wait_s = min(2 * wait_s, WAIT_MAX_S)
            self._waits[node_id] = (wait_s, now_s + wait_s)

    def forget(self, node_id: Any) -> None:
        """It was reached."""
        self._waits.pop(node_id, None)

    def __bool__(self) -> bool:
        return bool(self._waits)


def calm_reconnects() -> None:
    """Let all clients of this process wait longer and longer for a node that cannot be reached.

    Costs a request a microsecond. Calling it again changes nothing.
    """
    connect = AIOKafkaClient._get_conn
    if getattr(connect, "is_calm", False):
        return

    @functools.wraps(connect)
    async def calm(client: Any, node_id: Any, **options: Any) -> Any:
        refusals = client.__dict__.get("shoal_refusals")
        if refusals and (wait_s := refusals.wait_s(node_id)) > 0:
            await asyncio.sleep(wait_s)
        connection = await connect(client, node_id, **options)
        if connection is None:
            client.__dict__.setdefault("shoal_refusals", _Refusals()).note(node_id)
        elif refusals:
            refusals.forget(node_id)
        return connection

    calm.is_calm = True  # type: ignore[attr-defined]  # so that it is not wrapped twice
    AIOKafkaClient._get_conn = calm


def await_brokers() -> None:
    """Let all clients of this process wait for a cluster that names no broker yet.

    One whose brokers are all out for the moment, as after a pause or at its start, answers without
    them. Looking a coordinator up then fails an assertion of aiokafka's, "Did we not perform
    bootstrap?", and with it whoever has started a producer or joined a group. Calling it again
    changes nothing.
    """
    lookup = AIOKafkaClient.coordinator_lookup
    if getattr(lookup, "is_patient", False):
        return

    @functools.wraps(lookup)
    async def patient(client: Any, *asked: Any) -> Any:
        if client.get_random_node() is None:
            await asyncio.sleep(NAMELESS_WAIT_S)
            raise CoordinatorNotAvailableError("the cluster names no broker yet")
        return await lookup(client, *asked)

    patient.is_patient = True  # type: ignore[attr-defined]  # so that it is not wrapped twice
    AIOKafkaClient.coordinator_lookup = patient
