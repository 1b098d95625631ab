"""`shoal customer` and `shoal segments forecast` against what a worker has committed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stream.clock import DAY_MS, HOUR_MS, rfc3339
from stream.events.cloudevent import ENTERED
from tests.kafka.installation import Installation, until

pytestmark = pytest.mark.kafka

CUSTOMERS = 40


def tracked(number: int, at_ms: int, name: str, **fields: Any) -> bytes:
    properties = {"product_id": f"p{number}", "price": 10, "order_id": f"o{number}", "revenue": 20}
    said = {"type": "track", "messageId": f"m{number}", "event": name, "timestamp": rfc3339(at_ms),
            "properties": properties, **fields}  # fmt: skip
    return json.dumps(said).encode()


def history(now_ms: int) -> list[bytes]:
    """Customers with a cart, one who was anonymous first; all within the hour before now."""
    begun_ms = now_ms - 20 * 60_000
    lines = [tracked(0, begun_ms, "Product Viewed", anonymousId="anon")]
    for number in range(1, CUSTOMERS):
        at_ms = begun_ms + 1_000 * number
        lines.append(tracked(number, at_ms, "Product Added", userId=f"c{number}"))
    lines.append(tracked(90, begun_ms + 60_000, "Order Completed", userId="c1", anonymousId="anon"))
    return lines


async def run(place: Installation, *words: str) -> tuple[int, str, str]:
    """A command of this installation: exit code, and what it said."""
    found = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "stream.cli.main", *words],
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    return found.returncode, found.stdout, found.stderr


async def test_a_worker_s_customers_are_explained_and_forecast(place: Installation):
    await place.create()
    worker = place.start_worker()
    await until(worker.is_ready)
    now_ms = time.time_ns() // 1_000_000
    await place.send("events", history(now_ms))

    async def all_told() -> bool:
        changes = [json.loads(r.value) for r in await place.read("segment-changes")]
        told = {c["subject"] for c in changes if c["type"] == ENTERED}
        return len(told & {f"c{n}" for n in range(1, CUSTOMERS)}) == CUSTOMERS - 1 and any(
            c["data"]["segment"] == "new_customer" for c in changes
        )

    await until(all_told)
    code, out, errors = await run(place, "customer", "anon", "--json")
    assert (code, errors) == (0, "")
    found = json.loads(out)
    assert (found["customer"], found["aliases"]) == ("c1", ["anon"])
    (new,) = [each for each in found["segments"] if each["segment"] == "new_customer"]
    assert (new["member"], new["verdict"]) == (True, "in")
    assert new["if_silent"]["change"] == "exited"
    read = [json.loads(r.value) for r in await place.read("segment-changes")]
    mine = [c for c in read if c["subject"] in ("c1", "anon")]
    told = [(t["time"], t["segment"], t["change"], t["cause"]) for t in found["timeline"]]
    assert [each[0] for each in told] == sorted(each[0] for each in told)
    assert sorted(told) == sorted(
        (c["time"], c["data"]["segment"], c["type"].rpartition(".")[2], c["data"]["cause"])
        for c in mine
    )
    versions = {c["data"]["segment"]: c["data"]["definition"] for c in mine}
    assert versions["new_customer"] == new["version"]

    code, out, errors = await run(place, "segments", "forecast", "--hours", "2", "--list", "--json")
    assert (code, errors) == (0, "")
    forecast = json.loads(out)
    carts = [t for t in forecast["customers_turning"] if t["segment"] == "abandoned_cart"]
    begun_ms = now_ms - 20 * 60_000
    assert {(t["customer"], t["time"]) for t in carts} == {
        (f"c{n}", rfc3339(begun_ms + 1_000 * n + HOUR_MS)) for n in range(2, CUSTOMERS)
    }
    assert forecast["customers"] == CUSTOMERS - 1

    code, out, errors = await run(place, "customer", "nobody-here")
    assert (code, out) == (1, "")
    assert "no customer of this id" in errors
    assert "nobody-here" not in errors
    before = rfc3339(now_ms - DAY_MS)
    code, _, errors = await run(place, "customer", "c1", "--at", before)
    assert code == 2
    assert "replay the past" in errors
    worker.terminate()
    assert "anon" not in worker.log
