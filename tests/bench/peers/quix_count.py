"""Events by customer, counted by Quix Streams: state in RocksDB with its changelog.

Called as BROKER TOPIC GROUP FOLDER COMMIT_INTERVAL_MS, in an environment of its own
(`quix.txt`): its pins and the project's need not agree. State belongs to a message's key, and
the topic is keyed by the customer.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import orjson


def count(value: bytes, state: Any) -> None:
    """Parse an event and count it for its customer."""
    event = orjson.loads(value)
    assert event.get("userId") or event["anonymousId"]
    state.set("count", state.get("count", 0) + 1)


def main(broker: str, topic: str, group: str, folder: str, commit_s: float) -> None:
    """Run until SIGTERM."""
    application = import_module("quixstreams").Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=folder,
        commit_interval=commit_s,
        loglevel="WARNING",
    )
    events = application.topic(topic, key_deserializer="bytes", value_deserializer="bytes")
    application.dataframe(events).update(count, stateful=True)
    application.run()


if __name__ == "__main__":
    broker, topic, group, folder, commit_ms = sys.argv[1:]
    main(broker, topic, group, folder, int(commit_ms) / 1_000)
