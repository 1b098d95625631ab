"""The metrics of a parent of processes; its children's are in `metrics.py`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector


class ProcessMetrics:
    """The registry and its metrics; `process` is the child's number."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # as in `Metrics`
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.up = Gauge(
            "shoal_process_up", "1 while the process runs", ["process"], registry=self.registry
        )
        self.restarts = Counter(
            "shoal_process_restarts",
            "Starts after the first: it had died",
            ["process"],
            registry=self.registry,
        )
