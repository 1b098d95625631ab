"""What the group's record holds of each member, and that the partitions are dealt as before."""

from types import SimpleNamespace
from typing import Any

import pytest
from faust.assignor import PartitionAssignor
from yarl import URL

from stream.shell.app import new_app
from stream.shell.assignor import LeanAssignor
from stream.shell.settings import Settings

TOPICS = {"events", "customer-events", "clock"}


class Cluster:
    def __init__(self, partitions: int) -> None:
        self._partitions = partitions

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(1 if topic == "clock" else self._partitions))


class Sensors:
    """Hears of assignments, and says nothing."""

    def __getattr__(self, _: str) -> Any:
        return lambda *args, **named: None


def member(kind: type[PartitionAssignor], number: int) -> PartitionAssignor:
    conf = SimpleNamespace(canonical_url=URL(f"http://worker-{number}:6066"))
    tables = SimpleNamespace(changelog_topics=set(), data={})
    return kind(SimpleNamespace(tables=tables, conf=conf, sensors=Sensors(), tracer=None), 1)


def record_bytes(members: dict[str, PartitionAssignor], partitions: int) -> int:
    """One rebalance; what Kafka keeps of it."""
    told = {name: one.metadata(TOPICS) for name, one in members.items()}
    dealt = next(iter(members.values())).assign(Cluster(partitions), told)
    for name, one in members.items():
        one.on_assignment(dealt[name])
    return sum(len(entry.encode()) for entry in (*told.values(), *dealt.values()))


def group(kind: type[PartitionAssignor], count: int) -> dict[str, PartitionAssignor]:
    return {f"member-{n:03d}": member(kind, n) for n in range(count)}


def deal(members: dict[str, PartitionAssignor]) -> dict[str, set[Any]]:
    return {name: one.assigned_actives() for name, one in members.items()}


def test_the_worker_has_it():
    assert isinstance(new_app(Settings()).assignor, LeanAssignor)


@pytest.mark.parametrize(("before", "after"), [(6, 8), (8, 6)])
def test_partitions_are_dealt_as_faust_does_at_first_and_when_members_come_and_go(before, after):
    deals = []
    for kind in (PartitionAssignor, LeanAssignor):
        members = group(kind, max(before, after))
        first = dict(list(members.items())[:before])
        second = dict(list(members.items())[:after])
        record_bytes(first, 24)
        one = deal(first)
        record_bytes(second, 24)
        deals.append((one, deal(second)))
    assert deals[0] == deals[1]


def test_the_record_grows_with_members_and_partitions_and_not_with_their_product():
    sizes = {}
    for kind in (PartitionAssignor, LeanAssignor):
        for count in (16, 64):
            members = group(kind, count)
            record_bytes(members, 4 * count)
            sizes[kind, count] = record_bytes(members, 4 * count)
    # Four times the members with four partitions each.
    assert sizes[PartitionAssignor, 64] > 12 * sizes[PartitionAssignor, 16]
    assert sizes[LeanAssignor, 64] < 4.5 * sizes[LeanAssignor, 16]
    assert sizes[LeanAssignor, 64] < 64 * 1_000


class Uneven(Cluster):
    """A raw topic with fewer partitions than the customers' log."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        counts = {"clock": 1, "events": 4}
        return set(range(counts.get(topic, self._partitions)))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_raw_partition_goes_with_the_log_of_its_number_where_there_are_fewer(count):
    members = group(LeanAssignor, count)
    told = {name: one.metadata(TOPICS) for name, one in members.items()}
    dealt = next(iter(members.values())).assign(Uneven(8), told)
    for name, one in members.items():
        one.on_assignment(dealt[name])
    found = deal(members)
    log = {name: {tp.partition for tp in tps if tp.topic == "customer-events"}
           for name, tps in found.items()}  # fmt: skip
    raw = {name: {tp.partition for tp in tps if tp.topic == "events"}
           for name, tps in found.items()}  # fmt: skip
    assert sorted(p for held in log.values() for p in held) == list(range(8))
    assert raw == {name: {p for p in held if p < 4} for name, held in log.items()}
    assert max(map(len, log.values())) - min(map(len, log.values())) <= 1
    # Dealt again without news, everybody keeps what they had.
    again = {name: one.metadata(TOPICS) for name, one in members.items()}
    for name, one in next(iter(members.values())).assign(Uneven(8), again).items():
        members[name].on_assignment(one)
    assert deal(members) == found
