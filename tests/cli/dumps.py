"""A recorded run as `shoal topics dump` writes it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from stream.engine.partition import PartitionEngine
from stream.events.cloudevent import encode_change
from tests.engine.lane import SETTINGS
from tests.engine.recorded import Recording


def dump(run: Recording, path: Path) -> None:
    """Write the log's partitions, record by record in turns."""
    with path.open("w", encoding="utf-8") as out:
        for number in range(max(map(len, run.logs))):
            for partition, log in enumerate(run.logs):
                for record in log[number : number + 1]:
                    line = {
                        "partition": partition,
                        "offset": record.offset,
                        "timestamp": record.timestamp,
                        "key": record.key and base64.b64encode(record.key).decode(),
                        "value": base64.b64encode(record.value or b"").decode(),
                    }
                    out.write(json.dumps(line) + "\n")


def dump_snapshot(run: Recording, halves: list[int], path: Path) -> list[bytes]:
    """Write the partitions as they are after so many records; the changes told by then."""
    told: list[bytes] = []
    with path.open("w", encoding="utf-8") as out:
        for partition, (log, half) in enumerate(zip(run.logs, halves, strict=True)):
            effects = PartitionEngine(partition, SETTINGS).fold(log[:half])
            told += [encode_change(change, SETTINGS.shop) for change in effects.changes]
            for key, value in effects.rows.items():
                line = {
                    "partition": partition,
                    "offset": 0,
                    "timestamp": 0,
                    "key": base64.b64encode(key).decode(),
                    "value": value and base64.b64encode(value).decode(),
                    "state": True,
                }
                out.write(json.dumps(line) + "\n")
    return told
