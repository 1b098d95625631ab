"""Where rounds take place: brokers that they may do anything to, started when first asked for."""

from __future__ import annotations

from tests.kafka.broker import Broker, discard, new_broker
from tests.kafka.cluster import Cluster, discard_cluster, new_cluster
from tests.kafka.faults.proxy import Proxy
from tests.kafka.faults.round import Kind


class Ground:
    """One broker with a proxy before it, and three; a context manager."""

    def __init__(self) -> None:
        self.proxy = Proxy()
        self._broker: Broker | None = None
        self._cluster: Cluster | None = None

    def __enter__(self) -> Ground:
        self.proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.proxy.__exit__()
        if self._broker is not None:
            discard(self._broker)
        if self._cluster is not None:
            discard_cluster(self._cluster)

    def of(self, kind: Kind) -> Broker | Cluster:
        """What rounds of a kind are played on, running."""
        return self._three() if kind.on_three else self._one()

    def _one(self) -> Broker:
        if self._broker is None:
            self._broker = new_broker(is_secure=True, proxied_port=self.proxy.port)
            self._broker.start()
            self.proxy.target_port = self._broker.port_behind_proxy
        return self._broker

    def _three(self) -> Cluster:
        if self._cluster is None:
            self._cluster = new_cluster()
            self._cluster.start()
        return self._cluster
