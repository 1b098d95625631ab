"""What a red round leaves behind: every log whole, and where everything stood then."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.engine.meta import META_KEY, Meta, unpack_meta
from stream.events.topics import CHANGELOG, CLOCK, CUSTOMER_EVENTS, EVENTS
from stream.shell.connection import new_admin
from stream.shell.log_reader import ends_of
from stream.shell.whereabouts import ENDING
from tests.kafka.broker import Broker
from tests.kafka.cluster import Cluster
from tests.kafka.installation import WorkerProcess, until
from tests.kafka.pipeline import Metas, Pipeline

KEPT = Path(__file__).parents[3] / "build" / "chaos"

ASK_TIMEOUT_S = 20.0
"""For each question: brokers may be away, which is then what is written down."""

SAY_TIMEOUT_S = 3.0

OWNED = re.compile(r'shoal_source_watermark_timestamp_seconds{partition="(\d+)"}')


class Extent(msgspec.Struct, frozen=True):
    """Where a partition of a topic ends: after the last committed record, and after the last."""

    stable: int
    highwater: int


class Position(msgspec.Struct, frozen=True):
    """How far one partition number was. Offsets are those of the next record; times are ms.

    sent     raw records that the shop was told are written
    owners   process ids of workers that say that they have it
    """

    sent: int
    raw: Extent
    routed: int
    log: Extent
    folded: int
    changelog: Extent
    clock_ms: int
    owners: list[int]

    def missing(self, clock_ms: int | None) -> list[str]:
        """What has not been done, in words; nothing where all has."""
        owed = {
            "raw offsets not routed": (self.routed, max(self.raw.stable, self.sent)),
            "offsets of the log not folded": (self.folded, self.log.stable),
            "raw offsets held back": (self.raw.stable, self.raw.highwater),
            "offsets of the log held back by an open transaction": (
                self.log.stable,
                self.log.highwater,
            ),
            "offsets of the changelog held back by an open transaction": (
                self.changelog.stable,
                self.changelog.highwater,
            ),
        }
        found = [f"{what}: {a} to {b - 1}" for what, (a, b) in owed.items() if a < b]
        if clock_ms is not None and self.clock_ms < clock_ms:
            found.append(f"the clock stands at {self.clock_ms}, {clock_ms - self.clock_ms} ms back")
        if len(self.owners) != 1:
            found.append(f"owners: {self.owners or 'none'}")
        return found


def folder_of(kind: str, seed: int) -> Path:
    """Where the evidence of a round is kept."""
    return KEPT / f"{seed}-{re.sub('[^a-z0-9]+', '-', kind.lower())}"


async def keep(
    folder: Path, shop: Pipeline, broker: Broker | Cluster, why: str, clock_ms: int | None
) -> None:
    """Write down all that is known; the workers and brokers are as they were, and stay so.

    `clock_ms` is what every partition's clock should have reached, where it should have.
    """
    await asyncio.to_thread(_empty, folder)
    folder.joinpath("why.txt").write_text(why)
    for number, worker in enumerate(shop.workers, start=1):
        await _keep_worker(folder, f"worker-{number}-{worker.pid}", worker)
    nodes = list(broker.nodes.values()) if isinstance(broker, Cluster) else [broker]
    for number, node in enumerate(nodes, start=1):
        if node.log.exists():
            shutil.copy(node.log, folder / f"broker-{number}.log")
    questions: dict[str, Callable[[], Awaitable[str]]] = {
        "positions.json": lambda: _positions_text(shop, clock_ms),
        "clock.txt": lambda: _clock_text(shop),
        "cluster.txt": lambda: _cluster_text(shop),
    }
    for name, question in questions.items():
        folder.joinpath(name).write_text(await _answer(question))


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


async def _answer(question: Callable[[], Awaitable[str]]) -> str:
    """What came of a question, whatever it was: the others are asked as well."""
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            return await question()
    except (KafkaError, OSError, TimeoutError, AssertionError, KeyError) as error:
        return f"no answer: {error!r}"


async def _keep_worker(folder: Path, name: str, worker: WorkerProcess) -> None:
    is_at_work = worker.is_alive and worker.port() is not None
    if is_at_work:
        await _say_where(worker)
    folder.joinpath(f"{name}.log").write_text(worker.log)
    if not is_at_work:
        return
    pages = [
        f"{page} {await asyncio.to_thread(worker.get, page)}" for page in ("/livez", "/readyz")
    ]
    metrics = (await asyncio.to_thread(worker.get, "/metrics"))[1]
    folder.joinpath(f"{name}.metrics").write_text("\n".join([*pages, metrics]))


async def _say_where(worker: WorkerProcess) -> None:
    """Let it write to its log where its tasks wait; one that is stopped does not."""
    said = worker.log.count(ENDING)
    worker.signal(signal.SIGUSR1)
    with contextlib.suppress(TimeoutError):
        await until(lambda: worker.log.count(ENDING) > said, SAY_TIMEOUT_S)


async def _positions_text(shop: Pipeline, clock_ms: int | None) -> str:
    found = await positions(shop)
    missing = {number: each.missing(clock_ms) for number, each in found.items()}
    return msgspec.json.format(
        msgspec.json.encode({"missing": missing, "positions": found})
    ).decode()


async def positions(shop: Pipeline) -> dict[int, Position]:
    """How far each partition number is, as the broker has it now."""
    metas: Metas = {
        r.partition: unpack_meta(r.value)
        for r in await shop.read(CHANGELOG.name)
        if r.key == META_KEY
    }
    owners = await asyncio.to_thread(_owners, shop)
    ends = {
        topic.name: await _extents(shop, topic.name)
        for topic in (EVENTS, CUSTOMER_EVENTS, CHANGELOG)
    }
    return {
        number: _position(number, shop.sent.get(number, 0), ends, metas.get(number), owners)
        for number in range(shop.settings.partitions)
    }


def _position(
    number: int,
    sent: int,
    ends: Mapping[str, Mapping[int, Extent]],
    meta: Meta | None,
    owners: Mapping[int, set[int]],
) -> Position:
    source = None if meta is None else meta.source
    return Position(
        sent=sent,
        raw=ends[EVENTS.name][number],
        routed=0 if source is None else source.next_offset,
        log=ends[CUSTOMER_EVENTS.name][number],
        folded=0 if meta is None else meta.next_offset,
        changelog=ends[CHANGELOG.name][number],
        clock_ms=0 if meta is None else meta.clock_ms,
        owners=sorted(pid for pid, owned in owners.items() if number in owned),
    )


def owned(worker: WorkerProcess) -> set[int]:
    """Partitions that a worker says it has."""
    return {int(found[1]) for name in worker.metrics() if (found := OWNED.match(name))}


def _owners(shop: Pipeline) -> dict[int, set[int]]:
    return {w.pid: owned(w) for w in shop.workers if w.is_alive and w.port() is not None}


async def _extents(shop: Pipeline, name: str) -> dict[int, Extent]:
    count = 1 if name == CLOCK.name else shop.settings.partitions
    places = [TopicPartition(shop.topic(name), number) for number in range(count)]
    stable = await ends_of(shop.settings, places)
    highwater = await ends_of(shop.settings, places, committed=False)
    return {tp.partition: Extent(stable[tp], highwater[tp]) for tp in places}


async def _clock_text(shop: Pipeline) -> str:
    """The topic `clock`: how far it can be read, and the newest record of each key."""
    lines = [str(await _extents(shop, CLOCK.name))]
    newest = {r.key: r for r in await shop.read(CLOCK.name)}
    lines += [f"{key!r} at {r.offset}, {r.timestamp}: {r.value!r}" for key, r in newest.items()]
    return "\n".join(lines)


async def _cluster_text(shop: Pipeline) -> str:
    """Leaders, replicas in sync, members of the group and its offsets."""
    admin = new_admin(shop.settings)
    await admin.start()
    try:
        topics = await admin.describe_topics()
        groups = await admin.describe_consumer_groups([shop.settings.group])
    finally:
        await admin.close()
    lines = [f"{key}: {each}" for t in topics for key, each in _placed(t)]
    lines += [str(group) for group in groups]
    return "\n".join([*sorted(lines), str(await shop.committed())])


def _placed(topic: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"{topic['topic']}-{p['partition']}", f"leader {p['leader']}, in sync {p['isr']}")
        for p in topic["partitions"]
    ]
