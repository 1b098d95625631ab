"""What an installation is told of erasures, and of how long topics keep what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stream.clock import DAY_MS
from stream.events.topics import TOPICS, Topic
from stream.shell.environment import Environment, SettingError, one_of

SECRET_CHARACTERS_MIN: Final = 16
SECRET_CHARACTERS_MAX: Final = 64
"""What BLAKE2b takes for a key, in bytes; 32 hexadecimal digits are 128 bits."""

DAYS_MAX: Final = 3_650


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """Erasure and retention.

    erasure_secrets  make the hashes by which erased ids are known, the newest first
    after_erasure    whether who was erased by an event may come again: admit, or refuse
    kept_days        topic -> days that it keeps records, or superseded ones where it is compacted
    """

    erasure_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    after_erasure: str = "admit"
    kept_days: Mapping[str, int] = field(default_factory=dict)

    def configuration(self, topic: Topic) -> dict[str, str]:
        """The broker's settings for a topic in this installation."""
        days = self.kept_days.get(topic.name)
        return topic.configuration(None if days is None else days * DAY_MS)


def read_privacy(read: Environment) -> Privacy:
    """What the environment says.

    Raises
    ------
    SettingError
        Names the variable; a secret is not in it.
    """
    usual = Privacy()
    return Privacy(
        erasure_secrets=_secrets(read),
        after_erasure=read.text("AFTER_ERASURE", usual.after_erasure, one_of("admit", "refuse")),
        kept_days=read.optional("RETENTION_DAYS", _kept_days) or {},
    )


def _secrets(read: Environment) -> tuple[bytes, ...]:
    text = read.secret("ERASURE_KEY")
    if text is None:
        return ()
    found = tuple(word.encode() for word in text.replace(",", " ").split())
    if not all(SECRET_CHARACTERS_MIN <= len(one) <= SECRET_CHARACTERS_MAX for one in found):
        size = f"{SECRET_CHARACTERS_MIN} to {SECRET_CHARACTERS_MAX} bytes"
        problem = f"needs secrets of {size}, the newest first; openssl rand -hex 32 makes one"
        raise SettingError("SHOAL_ERASURE_KEY", problem)
    return found


def _kept_days(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    known = {topic.name for topic in TOPICS if topic.compacted or topic.retention_ms is not None}
    for pair in text.split(","):
        name, _, days = (part.strip() for part in pair.partition("="))
        if name not in known:
            raise ValueError(f"{name[:60]!r} is none of {', '.join(sorted(known))}")
        if not days.isascii() or not days.isdigit() or not 1 <= int(days) <= DAYS_MAX:
            raise ValueError(f"{name} needs a number of days from 1 to {DAYS_MAX:,}: {name}=28")
        found[name] = int(days)
    return found
