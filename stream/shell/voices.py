"""What a run has said to its customers, read from its changelog."""

from __future__ import annotations

from aiokafka import TopicPartition

from stream.events.topics import CHANGELOG
from stream.shell.log_reader import LogReader
from stream.shell.settings import Settings
from stream.state.codec import unpack
from stream.state.row_parts import Voice
from stream.state.voice import pack_voice, says, unpack_voice


class Voices:
    """Of those customers to whom something was said or is to be; packed, some 200 bytes each."""

    def __init__(self) -> None:
        self._packed: dict[bytes, bytes] = {}

    def hear(self, key: bytes, value: bytes | None) -> None:
        """Take a changelog record, in the order of its partition."""
        if key.startswith(b"\0"):
            return
        voice = None if value is None else unpack(value).voice
        if voice is not None and says(voice):
            self._packed[key] = pack_voice(voice)
        else:
            self._packed.pop(key, None)

    def keys(self) -> set[bytes]:
        """Whose they are."""
        return set(self._packed)

    def of(self, key: bytes) -> Voice:
        """The customer's; an empty one where there is none."""
        packed = self._packed.get(key)
        return Voice() if packed is None else unpack_voice(packed)


async def read_voices(run: Settings) -> Voices:
    """The voices of a run, which has ended; 4 us a row that its changelog holds."""
    voices = Voices()
    topic = run.topic(CHANGELOG.name)
    for partition in range(run.partitions):
        async with LogReader(run, [TopicPartition(topic, partition)], bare=True) as reader:
            async for records in reader.to_end():
                for record in records:
                    voices.hear(record.key, record.value)
    return voices
