"""How long a membership lasts and when it may begin again, whatever the conditions say."""

from __future__ import annotations

import msgspec

from stream.clock import NEVER_MS


class Stay(msgspec.Struct, frozen=True):
    """The rules of one segment; 0 where there is none.

    min_stay_ms   a member stays at least so long after the entry
    cooldown_ms   nobody comes back sooner after an exit
    reentry_ms    nobody enters again sooner after an entry; `NEVER_MS`: once in a life
    """

    min_stay_ms: int = 0
    cooldown_ms: int = 0
    reentry_ms: int = 0

    @property
    def remembers(self) -> bool:
        """Whether it asks for what was before."""
        return self.cooldown_ms > 0 or self.reentry_ms > 0

    def may_leave_ms(self, since_ms: int) -> int:
        """From when on a member since `since_ms` may leave."""
        return since_ms + self.min_stay_ms

    def may_enter_ms(self, entered_ms: int, left_ms: int) -> int:
        """From when on somebody may enter who entered and left last at these instants, or 0."""
        again_ms = left_ms + self.cooldown_ms if left_ms and self.cooldown_ms else 0
        if entered_ms and self.reentry_ms:
            again_ms = max(again_ms, min(entered_ms + self.reentry_ms, NEVER_MS))
        return again_ms
