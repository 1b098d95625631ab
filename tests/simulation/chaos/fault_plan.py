"""Which faults a round has, drawn from its seed: each kind is switched on or off for the round.

A kind that is on strikes now and then at any effect that it fits. All that happened is counted
under one name, so that a set of rounds can be asked whether each kind did happen.
"""

from __future__ import annotations

from collections import Counter
from random import Random

CRASH_BEFORE = "crash before an effect"
CRASH_AFTER = "crash after an effect"
PAUSE = "pause beyond the session time-out"
SEND_FAILED = "write refused"
SEND_UNACKED = "write acknowledged to nobody"
RESENT = "write sent twice"
COMMIT_UNACKED = "commit acknowledged to nobody"
COMMIT_ABORTED = "transaction aborted"
COMMIT_HUNG = "commit without an answer"

AT_SEND = (CRASH_BEFORE, CRASH_AFTER, PAUSE, SEND_FAILED, SEND_UNACKED, RESENT)
AT_COMMIT = (CRASH_BEFORE, CRASH_AFTER, PAUSE, COMMIT_UNACKED, COMMIT_ABORTED, COMMIT_HUNG)
AT_OTHER = (CRASH_BEFORE, PAUSE)
KINDS = tuple(dict.fromkeys(AT_SEND + AT_COMMIT))

FAULTS_MAX = 14
"""Of a round's effects: after that many it is to show that it gets on again."""

RATE = 0.03
"""Of the effects that a kind fits, while it is on."""


class FaultPlan:
    """Draws faults; quiet before `begin` and after `end`."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._on = frozenset(kind for kind in KINDS if random.random() < 0.5)
        self._left = random.randint(2, FAULTS_MAX)
        self._rate = RATE * random.choice((0.3, 1.0, 2.0))
        self.is_active = False
        self.happened: Counter[str] = Counter()

    def strike(self, fitting: tuple[str, ...]) -> str | None:
        """The fault that goes with an effect, if any."""
        if not self.is_active or self._left <= 0 or self._random.random() >= self._rate:
            return None
        kinds = [kind for kind in fitting if kind in self._on]
        if not kinds:
            return None
        self._left -= 1
        kind = self._random.choice(kinds)
        self.happened[kind] += 1
        return kind
