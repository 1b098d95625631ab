"""How far behind the worker is: in records and in seconds, by partition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiokafka import TopicPartition

from stream.shell.broker_time import BrokerTime
from stream.shell.group import Group
from stream.shell.metrics import Metrics

INTERVAL_S = 2.0


class LagObserver:
    """Sets the lag's gauges every two seconds.

    Parameters
    ----------
    unfetched
        Records on the broker that have not been fetched; None: not known.
    unready
        Why the worker is not ready, each a sentence.
    """

    def __init__(
        self,
        group: Group,
        unfetched: Callable[[TopicPartition], int | None],
        metrics: Metrics,
        broker_time: BrokerTime,
        unready: Callable[[], list[str]],
    ) -> None:
        self._group = group
        self._unfetched = unfetched
        self._metrics = metrics
        self._broker_time = broker_time
        self._unready = unready

    async def run(self) -> None:
        """Observe until cancelled."""
        while True:
            self.observe()
            await asyncio.sleep(INTERVAL_S)

    def observe(self) -> None:
        """Set the gauges to what holds now."""
        broker_ms = self._broker_time.now()
        metrics = self._metrics
        metrics.ready.set(not self._unready())
        for owner in list(self._group.owners.values()):
            for tp, backlog in owner.backlogs.items():
                unfetched = self._unfetched(tp)
                if unfetched is None:
                    continue
                labels = (tp.topic, str(tp.partition))
                metrics.lag_records.labels(*labels).set(unfetched + len(backlog))
                oldest_ms = backlog.oldest_append_ms
                if unfetched + len(backlog) == 0 or broker_ms is None or oldest_ms is None:
                    metrics.lag_seconds.labels(*labels).set(0)
                else:
                    metrics.lag_seconds.labels(*labels).set(max(0, broker_ms - oldest_ms) / 1000)
