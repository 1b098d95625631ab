"""What was said to a customer, kept for caps on how often."""

from __future__ import annotations

from typing import Final

import msgspec

from stream.state.row import Row
from stream.state.row_parts import Voice
from stream.state.shed import shed

STARTS_MAX: Final = 32
"""Latest starts kept of a channel, 9 bytes each: the largest number that a cap can name."""

CHANNELS_MAX: Final = 16
"""Channels of which starts are kept."""

pack_voice = msgspec.msgpack.Encoder().encode
unpack_voice = msgspec.msgpack.Decoder(Voice).decode


def says(voice: Voice) -> bool:
    """Whether there is more in it than how often something was said."""
    return bool(voice.current or voice.waiting or voice.suppressing or voice.starts)


def note_start(voice: Voice, channel: str, time_ms: int) -> None:
    """Keep the start of a message action on a channel."""
    starts = voice.starts.get(channel)
    if starts is None:
        if len(voice.starts) >= CHANNELS_MAX:
            shed("voice_channels")
            del voice.starts[min(voice.starts, key=lambda one: (voice.starts[one][-1], one))]
        starts = voice.starts[channel] = []
    starts.append(time_ms)
    del starts[:-STARTS_MAX]


def free_ms(voice: Voice, channel: str, cap: tuple[int, int] | None) -> int:
    """From when on a channel may be used again by its cap: so many starts in so many ms."""
    if cap is None:
        return 0
    count, per_ms = cap
    starts = voice.starts.get(channel, ())
    return starts[-count] + per_ms if len(starts) >= count else 0


def merge_voice(row: Row, other: Row) -> None:
    """Take over how often the other was spoken to; its actions have been withdrawn."""
    theirs = other.voice
    if theirs is None or not theirs.starts:
        return
    mine = row.voice
    if mine is None:
        mine = row.voice = Voice()
    for channel, starts in theirs.starts.items():
        known = mine.starts.get(channel)
        if known is not None or len(mine.starts) < CHANNELS_MAX:
            mine.starts[channel] = sorted([*(known or ()), *starts])[-STARTS_MAX:]
        else:
            shed("voice_channels")
