"""How Faust deals partitions: both topics alike, evenly, and with as few moves as needed."""

from collections import Counter

import pytest

from tests.kafka.fixtures import kafka, place
from tests.kafka.installation import Installation, until
from tests.kafka.recorder import Recorder

__all__ = ["kafka", "place"]

pytestmark = pytest.mark.kafka

PARTITIONS = 6


def numbers(member: Recorder, topic: str) -> set[int]:
    return {tp.partition for tp in member.held if tp.topic.endswith(f".{topic}")}


def share(members: list[Recorder]) -> list[int]:
    return sorted(len(numbers(member, "events")) for member in members)


async def settled(members: list[Recorder]) -> None:
    """Wait until all are in one generation and have everything between them."""

    def is_settled() -> bool:
        dealt = Counter(tp for member in members for tp in member.held)
        same = len({member.generation for member in members}) == 1
        return same and len(dealt) == 2 * PARTITIONS + 1 and set(dealt.values()) == {1}

    await until(is_settled)


async def test_one_two_three_and_two_workers_share_evenly_and_both_topics_alike(kafka):
    place = Installation(kafka, partitions=PARTITIONS)
    await place.create()
    members: list[Recorder] = []

    async def join() -> None:
        member = Recorder(place.settings)
        members.append(member)
        await member.app.start()
        await settled(members)

    try:
        await join()
        assert share(members) == [6]
        await join()
        assert share(members) == [3, 3]
        await join()
        assert share(members) == [2, 2, 2]
        kept = [numbers(member, "events") for member in members[:2]]
        await members.pop().app.stop()
        await settled(members)
        assert share(members) == [3, 3]
        for member, before in zip(members, kept, strict=True):
            assert before <= numbers(member, "events")
            assert numbers(member, "events") == numbers(member, "customer-events")
    finally:
        for member in members:
            await member.app.stop()
