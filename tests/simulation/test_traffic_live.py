"""What somebody sees who looks at the shop for half a minute."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

from stream.clock import DAY_MS, MINUTE_MS
from stream.engine.settings import EngineSettings
from stream.events.changes import SegmentChanged
from stream.events.envelope import decode
from stream.simulation.offline import Offline
from stream.simulation.traffic import TrafficConfig, generate
from tests.simulation.month import MONDAY_MS

LIVE_MS = MONDAY_MS + 10 * DAY_MS
HALF_A_MINUTE_MS = MINUTE_MS // 2


def kinds_of_changes(config: TrafficConfig, from_ms: int) -> Counter[str]:
    pack = files("stream.segments").joinpath("pack.yaml").read_bytes()
    offline = Offline(EngineSettings(shop="shop", incarnation="1"), pack)
    changes: list[SegmentChanged] = []
    for event in generate(config):
        changes += offline.apply(decode(event.value, 0, None))
    changes += offline.finish()
    return Counter(
        f"{change.segment} {change.entered}" for change in changes if change.time_ms >= from_ms
    )


def test_a_surging_shop_shows_six_kinds_of_changes_in_half_a_minute():
    config = TrafficConfig(
        customers=500,
        start_ms=MONDAY_MS,
        days=10 + HALF_A_MINUTE_MS / DAY_MS,
        surge_ms=LIVE_MS - 5 * MINUTE_MS,
        surge=1_500,
        hurry=10,
    )
    kinds = kinds_of_changes(config, LIVE_MS)
    assert len(kinds) >= 6
    assert kinds.total() >= 20
