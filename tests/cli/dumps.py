"""A recorded run as `shoal topics dump` writes it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

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
