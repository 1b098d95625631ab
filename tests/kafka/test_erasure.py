"""Erasure on a real broker: nothing of the customer is left, in no file, and nothing comes back."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream.clock import rfc3339
from stream.engine.erasure import marker_of
from stream.events.topics import CHANGELOG, TOPICS
from stream.shell.connection import new_admin
from stream.state.codec import uncompressed
from tests.kafka.broker import Broker, discard
from tests.kafka.installation import WorkerProcess, until
from tests.kafka.pipeline import Pipeline

pytestmark = pytest.mark.kafka

KIM, DEVICE = "kim-7f3a9c", "device-51b0e2"
SECRET = "0123456789abcdef0123456789abcdef"
OTHERS = 12
PERSONAL = {
    "events", "customer-events", "customers-changelog", "segment-changes", "actions",
    "memberships", "dead-letters",
}  # fmt: skip


class TidyBroker(Broker):
    """A broker that compacts and deletes at once what may be."""

    def more_properties(self, controller: int) -> str:
        return (
            "log.cleaner.backoff.ms=100\n"
            "log.retention.check.interval.ms=200\n"
            "log.initial.task.delay.ms=0\n"
        )


class Shop(Pipeline):
    """An installation with the folder of its broker, and its latest worker."""

    folder: Path
    worker: WorkerProcess

    def work(self, *words: str, **variables: str) -> WorkerProcess:
        self.worker = super().work(*words, **variables)
        return self.worker

    def is_refusing(self) -> bool:
        if not self.worker.is_ready():
            return False
        return self.worker.metrics().get("shoal_records_erased_total", 0) == 1


@pytest.fixture
def shop() -> Iterator[Shop]:
    broker = TidyBroker(Path(tempfile.mkdtemp(prefix="shoal-kafka-")))
    try:
        installation = Shop(broker.start(), partitions=2)
        installation.folder = broker.folder / "data"
        installation.variables = {"SHOAL_ERASURE_KEY": SECRET, "SHOAL_CLUSTERS": "off"}
        try:
            yield installation
        finally:
            installation.end()
    finally:
        discard(broker)


def call(customer: str | None, number: int, time_ms: int, **fields: Any) -> bytes:
    said: dict[str, Any] = {
        "type": "track",
        "event": "Product Added",
        "messageId": f"m{customer}{number}",
        "timestamp": rfc3339(time_ms),
        "properties": {"product_id": "p", "price": 9.5},
    }
    if customer is not None:
        said["userId"] = customer
    return json.dumps({**said, **fields}).encode()


async def adds_of_others(shop: Shop, number: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    await shop.send("events", [call(f"other-{number}-{n}", 0, now_ms - n) for n in range(OTHERS)])


async def configure(shop: Shop, *, at_once: bool) -> None:
    """Have every topic delete and compact at once, or as it usually does."""
    admin = new_admin(shop.settings)
    await admin.start()
    try:
        resources = []
        for topic in TOPICS:
            config = shop.settings.privacy.configuration(topic)
            if at_once:
                config |= {"segment.ms": "200", "file.delete.delay.ms": "0"}
            if at_once and topic.compacted:
                config |= {"max.compaction.lag.ms": "1", "delete.retention.ms": "0",
                           "min.cleanable.dirty.ratio": "0.0"}  # fmt: skip
            elif at_once and topic.name in PERSONAL:
                config["retention.ms"] = "500"
            name = shop.topic(topic.name)
            resources.append(ConfigResource(ConfigResourceType.TOPIC, name, configs=config))
        for answer in await admin.alter_configs(resources):
            assert not [found for found in answer.resources if found[0]], answer
    finally:
        await admin.close()


def files_that_name(folder: Path, *names: str) -> list[str]:
    found = []
    for file in folder.rglob("*"):
        try:
            content = file.read_bytes() if file.is_file() else b""
        except FileNotFoundError:
            continue  # the broker was faster
        if any(name.encode() in content for name in names):
            found.append(str(file.relative_to(folder)))
    return found


async def rows_that_name(shop: Shop, *names: str) -> list[bytes]:
    """Keys of rows with one of the names in what is compressed, which files do not show."""
    rows = [(row.key, row.value) for row in await shop.read(CHANGELOG.name) if row.value]
    contents = {key: uncompressed(row) for key, row in rows if not key.startswith(b"\0")}
    return [key for key, row in contents.items() if any(name.encode() in row for name in names)]


async def newest_memberships(shop: Shop) -> dict[bytes, bytes | None]:
    return {record.key: record.value for record in await shop.read("memberships")}


async def test_an_erased_customer_is_in_no_file_and_comes_back_by_nothing(shop: Shop):
    await shop.create()
    shop.work()
    now_ms = time.time_ns() // 1_000_000
    first = call(None, 1, now_ms - 9_000, anonymousId=DEVICE)
    login = call(KIM, 2, now_ms - 8_000, anonymousId=DEVICE)
    late = call(KIM, 3, now_ms - 7_000)
    await shop.send("events", [first, first])
    await shop.send("events", [login])
    await adds_of_others(shop, 0)

    async def is_told() -> bool:
        return bool((await newest_memberships(shop)).get(KIM.encode()))

    await until(is_told)
    exported = json.loads(shop.shoal("export", DEVICE))
    assert (exported["customer"], exported["ids"]) == (KIM, sorted([DEVICE, KIM]))
    assert exported["data"]["cart"]["lines"]["p"]["price"] == 9.5
    assert {event["type"] for event in exported["events"]} >= {"CartAdded", "Link", "Merge"}
    assert len(exported["kept_in"]) == len(PERSONAL)
    assert files_that_name(shop.folder, KIM)

    done = json.loads(shop.shoal("forget", KIM, "--yes", "--json"))
    assert (done["missing"], done["outcomes"]) == (0, {"erased": 2})
    assert done["removed"]["row"] == 2
    assert (await newest_memberships(shop))[KIM.encode()] is None
    changes = [change for change in await shop.changes() if change["subject"] == KIM]
    exits = [change for change in changes if change["data"]["cause"] == "erasure"]
    assert exits[-1]["data"]["segments"] == []
    assert all(change["data"]["evidence"] == [] for change in exits)
    assert not any(change["data"]["historic"] for change in exits)
    receipts = await shop.read("erasures")
    subjects = {marker_of(name.encode(), SECRET.encode()).hex() for name in (KIM, DEVICE)}
    assert {json.loads(receipt.value)["subject"] for receipt in receipts} == subjects

    await shop.send("events", [late])
    await until(shop.is_refusing)
    await configure(shop, at_once=True)
    rounds = 0

    async def is_gone() -> bool:
        # The newest file of a partition is only closed when something is written after its time.
        nonlocal rounds
        rounds += 1
        await adds_of_others(shop, rounds)
        return not files_that_name(shop.folder, KIM, DEVICE)

    try:
        await until(is_gone)
    except TimeoutError:
        pytest.fail(f"still in {files_that_name(shop.folder, KIM, DEVICE)}")
    assert await rows_that_name(shop, KIM, DEVICE) == []
    await configure(shop, at_once=False)
    shop.stop_workers()
    shop.work()
    await shop.send("events", [late])
    await until(shop.is_refusing)
    assert (await newest_memberships(shop)).get(KIM.encode()) is None
