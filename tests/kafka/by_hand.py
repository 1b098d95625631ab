"""A run of one partition on a real broker, worked on by hand as its owner does it."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from stream.engine.meta import SourceState
from stream.events.records import Record, encode_record
from stream.shell.customer_rows import restored
from stream.shell.log_reader import LogReader
from stream.shell.outbox import Outbox
from stream.shell.posting import Poster
from stream.shell.runs import delivery_of
from stream.shell.settings import Settings

Said = tuple[str | None, Record]
"""Of whom, and what; of nobody for control."""


class ByHand:
    """Writes the run's log, and folds it when told to."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._log = settings.topic("customer-events")

    async def write(self, said: list[Said]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.broker, linger_ms=2)
        await producer.start()
        try:
            acks = [
                await producer.send(
                    self._log, encode_record(record), key=who and who.encode(), partition=0
                )
                for who, record in said
            ]
            for ack in acks:
                await ack
        finally:
            await producer.stop()

    async def work(self) -> dict[str, Any]:
        """Begin anew, fold what there is, and let go; the rows by customer."""
        delivery = delivery_of(self.settings, "0")
        await delivery.open()
        engine = await restored(self.settings, 0)
        records: list[Any] = []
        async with LogReader(self.settings, [TopicPartition(self._log, 0)]) as reader:
            async for found in reader.to_end():
                records += [one for one in found if one.offset >= engine.next_offset]
        effects = engine.fold(records, SourceState(next_offset=7, partitions=1))
        if engine.mark is not None:
            effects.keep_quiet()
        outbox = Outbox()
        Poster(self.settings, 0).post_effects(outbox, effects)
        await delivery.deliver(outbox, {})
        await delivery.close()
        return {key.decode(): row for key, row in engine.store.rows()}
