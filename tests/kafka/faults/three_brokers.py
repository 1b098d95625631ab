"""Faults of one of three brokers, and of two: what deploy/production.env promises of them."""

from __future__ import annotations

import asyncio
import time

from aiokafka import TopicPartition

from stream.events.topics import TOPICS
from stream.shell.access import transactional_ids
from stream.shell.log_reader import LogReader
from tests.kafka.cluster import NODES, Cluster
from tests.kafka.faults.failover import keyed
from tests.kafka.faults.leaders import GROUP, TRANSACTION, Leaders
from tests.kafka.faults.round import READY_S, Kind, Round
from tests.kafka.installation import WorkerProcess, until

TRAFFIC_S = 20.0
"""Long enough for a broker to be missed, and to come back under load."""

ROLLING_S = 100.0
"""For three brokers that go and come one after the other."""

STANDSTILL_S = 5.0
"""So long nothing may be committed while two are away; they have been away for longer."""


async def documented(round_: Round) -> None:
    """Before the start: topics are as deploy/production.env says, on brokers set up so."""
    leaders = Leaders(_cluster(round_), round_.shop)
    await until(leaders.are_whole)
    prefix = round_.shop.settings.topic_prefix
    placed = await leaders.placed()
    mine = {tp.topic for tp in placed if tp.topic.startswith(prefix)}
    assert mine == {round_.shop.topic(topic.name) for topic in TOPICS}
    assert all(len(p.replicas) == NODES for p in placed.values())


async def kill_leader(round_: Round) -> None:
    """Who leads a partition of the log is killed, and comes back when others have taken over."""
    cluster = _cluster(round_)
    leaders = Leaders(cluster, round_.shop)
    await round_.sent(round_.random.uniform(0.1, 0.3))
    placed = await until(leaders.placed)
    log = TopicPartition(round_.shop.topic("customer-events"), round_.random.randrange(4))
    victim = placed[log].leader
    led = {tp for tp, where in placed.items() if where.leader == victim}
    assert log in led
    began_s = time.monotonic()
    cluster.nodes[victim].kill()
    await until(lambda: _have_moved(leaders, led, victim))
    round_.times["leaders moved"] = time.monotonic() - began_s
    await _all_commit(round_)
    round_.times["all commit again"] = time.monotonic() - began_s
    round_.notes.append(f"led {len(led)}")
    await _start(round_, victim)


async def kill_group_coordinator(round_: Round) -> None:
    """The coordinator of the workers' group is killed."""
    await _kill_coordinator(round_, round_.shop.settings.group, GROUP)


async def kill_transaction_coordinator(round_: Round) -> None:
    """The coordinator of a partition's transactions is killed."""
    partition = round_.random.randrange(round_.shop.settings.partitions)
    name = f"{transactional_ids(round_.shop.settings)}{partition}"
    await _kill_coordinator(round_, name, TRANSACTION)


async def roll(round_: Round) -> None:
    """All three are restarted, each when everything is in sync again."""
    cluster = _cluster(round_)
    leaders = Leaders(cluster, round_.shop)
    await round_.sent(0.05)
    order = list(cluster.nodes)
    round_.random.shuffle(order)
    for number in order:
        placed = await until(leaders.placed)
        led = {tp for tp, where in placed.items() if where.leader == number}
        assert led, f"node {number} led nothing"
        await asyncio.to_thread(cluster.nodes[number].stop)
        await until(lambda led=led, number=number: _have_moved(leaders, led, number))
        await _start(round_, number)
        await until(leaders.are_whole)
    assert round_.shop.sent_ratio < 1.0, "the traffic had ended before the last restart"


async def kill_two(round_: Round) -> None:
    """Two of three are killed: nobody acknowledges anything until one of them is back."""
    cluster = _cluster(round_)
    await round_.sent(round_.random.uniform(0.1, 0.3))
    victims = round_.random.sample(sorted(cluster.nodes), 2)
    for number in victims:
        cluster.nodes[number].kill()
    began_s = time.monotonic()
    await until(lambda: not any(worker.is_ready() for worker in round_.workers), READY_S)
    round_.times["not ready"] = time.monotonic() - began_s
    before = [_batches(worker) for worker in round_.workers]
    await asyncio.sleep(STANDSTILL_S)
    assert [_batches(worker) for worker in round_.workers] == before, "committed on one of three"
    assert not any(worker.is_ready() for worker in round_.workers)
    assert round_.deaths == 0, "did not wait"
    began_s = time.monotonic()
    await asyncio.to_thread(cluster.nodes[victims[0]].start)
    await _all_commit(round_)
    round_.times["all commit again"] = time.monotonic() - began_s
    await _start(round_, victims[1])


async def _kill_coordinator(round_: Round, name: str, kind: int) -> None:
    cluster = _cluster(round_)
    leaders = Leaders(cluster, round_.shop)
    await round_.sent(round_.random.uniform(0.1, 0.3))
    victim = await until(lambda: leaders.coordinator(name, kind))
    began_s = time.monotonic()
    cluster.nodes[victim].kill()
    heir = await until(lambda: _other_coordinator(leaders, name, kind, victim))
    assert heir in cluster.nodes
    round_.times["coordinator moved"] = time.monotonic() - began_s
    await _all_commit(round_)
    round_.times["all commit again"] = time.monotonic() - began_s
    await _start(round_, victim)


async def _other_coordinator(leaders: Leaders, name: str, kind: int, former: int) -> int:
    found = await leaders.coordinator(name, kind)
    return 0 if found == former else found


async def _have_moved(leaders: Leaders, led: set[TopicPartition], former: int) -> bool:
    """Whether somebody else leads all that one has led."""
    placed = await leaders.placed()
    return bool(placed) and all(placed[tp].leader not in {former, -1} for tp in led)


async def _all_commit(round_: Round) -> None:
    """Wait until every partition has committed once more than it had by now."""
    before = await _ends(round_)

    async def all_have() -> bool:
        ends = await _ends(round_)
        return all(ends[tp] > end for tp, end in before.items())

    await until(all_have, READY_S)


def _batches(worker: WorkerProcess) -> float:
    """So many has it committed."""
    return worker.metrics()["shoal_commit_seconds_count"]


async def _ends(round_: Round) -> dict[TopicPartition, int]:
    topic = round_.shop.topic("customers-changelog")
    places = [TopicPartition(topic, p) for p in range(round_.shop.settings.partitions)]
    async with LogReader(round_.shop.settings, places) as reader:
        return dict(reader.ends)


async def _start(round_: Round, number: int) -> None:
    await asyncio.to_thread(_cluster(round_).nodes[number].start)


def _cluster(round_: Round) -> Cluster:
    assert isinstance(round_.broker, Cluster)
    return round_.broker


KINDS = (
    Kind(
        "leader killed",
        "three brokers, SIGKILL of one that leads a partition of the log, and up again",
        kill_leader,
        before=documented,
        on_three=True,
        traffic_s=TRAFFIC_S,
    ),
    Kind(
        "group coordinator killed",
        "three brokers, SIGKILL of the one that keeps the workers' group, and up again",
        kill_group_coordinator,
        before=documented,
        on_three=True,
        traffic_s=TRAFFIC_S,
    ),
    Kind(
        "transaction coordinator killed",
        "three brokers, SIGKILL of the one that keeps a partition's transactions, and up again",
        kill_transaction_coordinator,
        before=documented,
        on_three=True,
        traffic_s=TRAFFIC_S,
    ),
    Kind(
        "rolling restart",
        "three brokers, SIGTERM of each in turn, and up again",
        roll,
        before=documented,
        on_three=True,
        traffic_s=ROLLING_S,
    ),
    Kind(
        "two of three killed",
        "nobody commits or is ready until one of them is up again",
        kill_two,
        before=documented,
        on_three=True,
        traffic_s=TRAFFIC_S,
    ),
    Kind(
        "failover, three brokers",
        "SIGKILL of one of two workers; raw topic keyed by customer",
        keyed,
        before=documented,
        own_traffic=True,
        on_three=True,
    ),
)
