"""The verdict sees what it is there for: a defect put into the worker's code turns rounds red."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from stream.engine.erasure import Erasure
from stream.shell.delivery import DeliveryAbortedError, TransactionalDelivery
from stream.shell.owner import PartitionOwner
from stream.shell.posting import Poster
from stream.timers.queue import TimerQueue
from tests.form import IS_COMPILED
from tests.simulation.chaos.rounds import run_round

ROUNDS_MAX = 40

pytestmark = pytest.mark.skipif(IS_COMPILED, reason="nothing is put into an extension module")


def no_fencing(patch: pytest.MonkeyPatch) -> None:
    """Each owner writes under an id of its own, so that the former one is not shut out."""
    numbers, begin = count(), TransactionalDelivery.__init__

    def apart(self: Any, settings: Any, writer: str, broker_time: Any) -> None:
        begin(self, settings, f"{writer}-{next(numbers)}", broker_time)

    patch.setattr(TransactionalDelivery, "__init__", apart)


def abort_keeps_the_memory(patch: pytest.MonkeyPatch) -> None:
    """After an aborted batch the owner goes on with the rows that it has: what it told is lost."""
    begin = PartitionOwner._begin

    async def go_on(self: Any) -> None:
        if self._engine.next_offset == 0:
            await begin(self)
            return
        self._delivery = self._shop.new_delivery(f"{self.partition}")
        await self._delivery.open()
        await self._read_on()

    patch.setattr(PartitionOwner, "_begin", go_on)


def retry_after_a_lost_answer(patch: pytest.MonkeyPatch) -> None:
    """A batch whose commit got no answer is written once more."""
    transact = TransactionalDelivery._transact

    async def again(self: Any, outbox: Any, offsets: Any) -> Any:
        try:
            return await transact(self, outbox, offsets)
        except KafkaError as error:
            await self.close()
            await self.open()
            try:
                return await transact(self, outbox, offsets)
            except KafkaError:
                raise DeliveryAbortedError("twice") from error

    patch.setattr(TransactionalDelivery, "_transact", again)


def forwards_get_lost(patch: pytest.MonkeyPatch) -> None:
    """Now and then nothing that a batch sends on is written."""
    post, numbers = Poster.post_effects, count()

    def forget(self: Any, outbox: Any, effects: Any) -> None:
        if next(numbers) % 50 == 49:
            effects.forwards = []
        post(self, outbox, effects)

    patch.setattr(Poster, "post_effects", forget)


def timers_get_lost(patch: pytest.MonkeyPatch) -> None:
    """Now and then a customer is not woken; the replay of the log has the same defect."""
    schedule, numbers = TimerQueue.schedule, count()

    def forget(self: Any, key: bytes, due_ms: int) -> None:
        if next(numbers) % 40:
            schedule(self, key, due_ms)

    patch.setattr(TimerQueue, "schedule", forget)


def every_event_is_new(patch: pytest.MonkeyPatch) -> None:
    """No message is known; the replay of the log has the same defect."""
    patch.setattr("stream.engine.partition.is_duplicate", lambda row, message_id: False)


def the_erased_come_back(patch: pytest.MonkeyPatch) -> None:
    """What comes late for an erased customer is taken; the replay has the same defect."""
    patch.setattr(Erasure, "refuses", lambda self, key, time_ms, record: False)


DEFECTS = (
    no_fencing,
    abort_keeps_the_memory,
    retry_after_a_lost_answer,
    forwards_get_lost,
    timers_get_lost,
    every_event_is_new,
    the_erased_come_back,
)


def problems() -> Iterator[tuple[int, str]]:
    for seed in range(1, ROUNDS_MAX + 1):
        outcome = run_round(seed)
        if outcome.problem:
            yield seed, outcome.problem


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_turns_a_round_red(defect: Any, monkeypatch: pytest.MonkeyPatch):
    defect(monkeypatch)
    assert next(problems(), None) is not None, f"{ROUNDS_MAX} rounds are green with the defect"
