"""What a shop sends in a round: people with several devices, a few days of history, then live.

Every raw record is drawn from the seed, with its partition and the instant at which the shop sends
it. Some come late, twice, broken, or from devices whose clocks are wrong; some ids are shared, and
some point to each other. What of it is true of a customer is not said here: `expected.py` reads
it out of the bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from stream.clock import rfc3339

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

HISTORY_BEGINS_S = 1.0
HISTORY_LASTS_S = 3.0
LIVE_BEGINS_S = 6.0


@dataclass(frozen=True, order=True)
class Sent:
    """A raw record and when the shop writes it, in seconds from the round's begin."""

    at_s: float
    number: int
    partition: int
    value: bytes


class Story:
    """Draws a round's raw records.

    Parameters
    ----------
    epoch_ms
        The wall clock at the round's begin.
    events
        About how many.
    """

    def __init__(
        self, random: Random, partitions: int, epoch_ms: int, events: int, live_s: float
    ) -> None:
        self._random = random
        self._partitions = partitions
        self._epoch_ms = epoch_ms
        self._count = events
        self._live_s = live_s
        self._number = 0
        self.people = max(4, events // random.choice((3, 12, 60)))
        self._skews = [random.choice((0, 0, 0, -7 * HOUR, 11 * MINUTE)) for _ in range(50)]
        self.happened: Counter[str] = Counter()

    def records(self) -> list[Sent]:
        """All raw records in the order in which they are sent."""
        return sorted((*self._history(), *self._live()))

    def _history(self) -> Iterator[Sent]:
        """Some days, in the order of their time, and each partition's marker of their end."""
        days = self._random.randint(2, 4)
        count = self._count // 2
        times = sorted(self._random.randrange(days * DAY) for _ in range(count))
        for place, since_ms in enumerate(times):
            at_s = HISTORY_BEGINS_S + HISTORY_LASTS_S * place / count
            time_ms = self._epoch_ms - days * DAY + since_ms
            yield from self._happens(at_s, time_ms, time_ms + 2 * SECOND)
        ends = orjson.dumps({"type": "history_ends"})
        for partition in range(self._partitions):
            yield self._sent(HISTORY_BEGINS_S + HISTORY_LASTS_S + 0.2, ends, partition)
        self.happened["history imported"] += 1

    def _live(self) -> Iterator[Sent]:
        random = self._random
        for _ in range(self._count - self._count // 2):
            at_s = LIVE_BEGINS_S + random.random() * self._live_s
            received_ms = self._epoch_ms + round(at_s * 1000)
            late_ms = random.choice((0,) * 12 + (30 * SECOND, 20 * MINUTE, 5 * HOUR))
            if late_ms:
                self.happened["late event"] += 1
                late_ms += random.randrange(late_ms)
            yield from self._happens(at_s, received_ms - late_ms, received_ms)

    def _happens(self, at_s: float, time_ms: int, received_ms: int) -> Iterator[Sent]:
        """One act, perhaps told twice, perhaps broken on its way."""
        random = self._random
        call, device = self._call()
        skew_ms = self._skews[device % len(self._skews)]
        if skew_ms:
            self.happened["clock of a device wrong"] += 1
        value = orjson.dumps(
            {
                **call,
                "messageId": f"m-{self._number}",
                "originalTimestamp": rfc3339(time_ms + skew_ms),
                "sentAt": rfc3339(received_ms + skew_ms),
                "receivedAt": rfc3339(received_ms),
            }
        )
        draw = random.random()
        if draw < 0.01:
            self.happened["broken event"] += 1
            value = random.choice((b"", value[:-9], value.replace(b"Id", b"Nr"), b"[1]"))
        yield self._sent(at_s, value)
        # A message is remembered for a day of its row's time, and a day of the history goes by
        # within a second: there, one that is forwarded after a crash comes too late to be known.
        is_live = at_s >= LIVE_BEGINS_S
        if 0.01 <= draw < 0.05 and (is_live or "userId" in call):
            self.happened["event sent twice"] += 1
            again_s = random.choice((0.0, 0.3, 4.0))
            yield self._sent(at_s + (again_s if is_live else again_s / 40), value)

    def _sent(self, at_s: float, value: bytes, partition: int | None = None) -> Sent:
        self._number += 1
        if partition is None:
            partition = self._random.randrange(self._partitions)
        return Sent(at_s, self._number, partition, value)

    def _call(self) -> tuple[dict[str, Any], int]:
        """Who, with which device, does what."""
        random = self._random
        draw = random.random()
        if draw < 0.02:
            self.happened["shared device"] += 1
            person = random.randrange(8)
            return {**self._act(), "userId": f"k{person}", "anonymousId": "kiosk"}, person
        if draw < 0.03:
            self.happened["ids in a circle"] += 1
            one, other = random.sample(("x1", "x2", "x3"), 2)
            return {"type": "alias", "userId": one, "previousId": other}, 0
        if draw < 0.05:
            return {**self._act(), "userId": random.choice(("x1", "x2", "x3"))}, 0
        person = random.randrange(self.people)
        device = person * 2 + random.randrange(2)
        who = random.random()
        ids: dict[str, str] = {}
        if who < 0.6:
            ids["userId"] = f"u{person}"
        if who > 0.5:
            ids["anonymousId"] = f"d{device}"
        if who > 0.98:
            ids = {"userId": f"u{person}", "previousId": f"d{device}"}
            return {"type": "alias", **ids}, device
        return {**self._act(), **ids}, device

    def _act(self) -> dict[str, Any]:
        random = self._random
        sku = f"p{random.randrange(9)}"
        item = {
            "product_id": sku,
            "sku": sku,
            "price": random.choice((5, 19.99, 120)),
            "quantity": 1,
        }
        draw = random.random()
        if draw < 0.4:
            return {"type": "page", "name": "Home"}
        if draw < 0.65:
            return _track("Product Viewed", item)
        if draw < 0.8:
            return _track("Product Added", item)
        if draw < 0.85:
            return _track("Checkout Started", {"value": 20})
        if draw < 0.95:
            order = {"order_id": f"o{self._number}", "revenue": random.choice((10, 49.5, 260))}
            return _track("Order Completed", {**order, "currency": "EUR", "products": [item]})
        return {"type": "identify", "traits": {"plan": sku}}


def _track(event: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "track", "event": event, "properties": properties}
