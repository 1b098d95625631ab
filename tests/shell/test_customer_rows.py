"""What was told of a customer is read from each partition in which it can be."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator

import msgspec
import pytest
from aiokafka.admin import NewTopic

from stream.events.cloudevent import encode_change
from stream.events.partitioner import partition_of
from stream.shell import customer_rows
from stream.shell.connection import new_admin, new_producer
from stream.shell.customer_rows import changes_of, told_places
from stream.shell.embedded import EmbeddedBroker
from stream.shell.settings import Settings
from tests.events.test_published import CHANGE

KEYS = {f"c-{number}".encode() for number in range(40)}


def places(incarnation: str, partitions: int, runs: dict[str, int]) -> list[int]:
    settings = Settings(incarnation=incarnation, partitions=partitions)
    return told_places({b"c-17"}, settings, runs, 12)


def test_a_customer_is_read_where_each_run_has_told_of_it():
    # CRC-32 of c-17 is 1_185_083_647: 1 of 3, 7 of 8, 0 of 11.
    assert places("1", 3, {"1": 3}) == [1]
    assert places("2", 8, {"1": 3, "2": 8}) == [1, 7]
    assert places("3", 11, {"1": 3, "2": 8, "3": 11}) == [0, 1, 7]


def test_a_run_that_comes_later_has_told_nothing_yet():
    assert places("2", 8, {"1": 8, "2": 8, "3": 12}) == [7]


@pytest.mark.parametrize("runs", [{"3": 12}, {"1": 3, "3": 12}, {}])
def test_where_the_topics_of_a_run_are_gone_all_partitions_are_read(runs: dict[str, int]):
    assert places("3", 12, runs) == list(range(12))
    assert places("blue", 12, runs) == list(range(12))


@pytest.fixture
def settings() -> Iterator[Settings]:
    if sys.platform == "win32":
        pytest.skip("the embedded broker has no Windows build")
    with EmbeddedBroker() as broker:
        yield Settings(broker=broker.address, partitions=8, incarnation="2")


async def told(settings: Settings, customer: str, runs: tuple[tuple[int, int], ...]) -> None:
    """One change of each (partitions, sequence), in the partition that so many give."""
    former = dataclasses.replace(settings, incarnation="1", partitions=3)
    admin = new_admin(settings)
    await admin.start()
    topic = settings.topic("segment-changes")
    try:
        await admin.create_topics(
            [
                NewTopic(former.topic("customers-changelog"), former.partitions, 1),
                NewTopic(settings.topic("customers-changelog"), settings.partitions, 1),
                NewTopic(topic, settings.partitions, 1),
            ]
        )
    finally:
        await admin.close()
    producer = new_producer(settings)
    await producer.start()
    key = customer.encode()
    try:
        for partitions, sequence in runs:
            change = msgspec.structs.replace(CHANGE, customer=customer, sequence=sequence)
            value = encode_change(change, "toys")
            to = partition_of(key, partitions)
            await producer.send_and_wait(topic, value, key, partition=to)
    finally:
        await producer.stop()


async def test_changes_of_before_a_growth_are_read_and_come_first(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    # Two partitions that are not read together, and the older changes in the later one.
    monkeypatch.setattr(customer_rows, "PARTITIONS_TOGETHER_MAX", 1)
    (customer, *_) = (
        key.decode() for key in sorted(KEYS) if partition_of(key, 3) > partition_of(key, 8)
    )
    await told(settings, customer, ((3, 1), (3, 2), (8, 1_000_000), (8, 1_000_001)))
    found = await changes_of(settings, {customer})
    assert [change.sequence for change in found] == ["1", "2", "1000000", "1000001"]
    assert await changes_of(settings, {"nobody"}) == []
