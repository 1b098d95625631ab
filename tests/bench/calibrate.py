"""A fixed piece of work, by which figures of different hours and machines are compared.

It uses nothing of Shoal: JSON in and out, dictionaries, sorting, integers, in the proportions of a
stream processor in Python. A process of its own prints the CPU microseconds of a round, as JSON.
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

import msgspec
import orjson

from tests.bench.machine import Cores

ROUNDS = 61
"""Of some 10 ms each. The one in the middle counts: what slows the machine down for a while slows
the figures of that while down, too."""

TIMEOUT_S = 60.0

_DOCUMENT = orjson.dumps(
    {
        "type": "track",
        "context": {str(n): "a value of some length " * 2 for n in range(12)},
        "properties": {"products": [{"id": f"p-{n}", "price": n / 4} for n in range(8)]},
    }
)


def loop() -> int:
    """One round: 1,500 documents."""
    totals: dict[str, int] = {}
    for turn in range(1_500):
        document = orjson.loads(_DOCUMENT)
        for product in document["properties"]["products"]:
            key = product["id"]
            totals[key] = totals.get(key, 0) + int(product["price"] * 100) + turn
        document["totals"] = sorted(totals.items(), key=lambda item: -item[1])[:3]
        orjson.dumps(document)
    return sum(totals.values())


def loop_us() -> float:
    """CPU microseconds of a round, the median of this process."""
    rounds = []
    for _ in range(ROUNDS):
        started_s = time.process_time()
        loop()
        rounds.append(time.process_time() - started_s)
    return median(rounds) * 1e6


def measure(cores: Cores) -> float:
    """The same on the measured core, in a process of its own."""
    with cores.measured_core():
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.calibrate"],
            stdout=subprocess.PIPE,
            check=True,
            timeout=TIMEOUT_S,
        )
    return msgspec.json.decode(done.stdout, type=float)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(loop_us()))
