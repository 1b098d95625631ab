"""Events by customer, counted by a stock Faust agent: a table in memory with its changelog.

Called as BROKER TOPIC GROUP FOLDER COMMIT_INTERVAL_MS. The topic is keyed by the customer, so
the agent's partition is the table's.
"""

from __future__ import annotations

import sys
from typing import Any

import faust
import orjson

PARTITIONS = 4


def new_count(broker: str, topic: str, group: str, folder: str, commit_s: float) -> faust.App:
    """An app whose agent writes the table once per event."""
    app = faust.App(
        group,
        broker=f"kafka://{broker}",
        store="memory://",
        datadir=folder,
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        broker_commit_interval=commit_s,
        web_enabled=False,
    )
    events = app.topic(topic, key_serializer="raw", value_serializer="raw")
    counts = app.Table("counts", default=int, partitions=PARTITIONS)

    async def count(stream: Any) -> None:
        async for value in stream:
            event = orjson.loads(value)
            counts[event.get("userId") or event["anonymousId"]] += 1

    app.agent(events)(count)
    return app


if __name__ == "__main__":
    broker, topic, group, folder, commit_ms = sys.argv[1:]
    sys.argv = [sys.argv[0], "worker", "--loglevel", "warn"]
    new_count(broker, topic, group, folder, int(commit_ms) / 1_000).main()
