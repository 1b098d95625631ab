from __future__ import annotations

import json

from stream.cli.readable import readable
from stream.clock import rfc3339
from stream.state.codec import stored
from stream.state.dedupe import remember
from stream.state.fold import fold
from stream.state.row import Row
from tests.state.shopping import DAY, START_MS, added, identified, order


def test_a_row_is_readable_by_people():
    row = Row(
        segments={"loyal": START_MS},
        targets=[("kim", START_MS)],
        ways=(("", START_MS),),
        consent={"email/marketing": (START_MS, True)},
        past={"cart": (START_MS, START_MS + DAY)},
        aliases=["device"],
    )
    for event in (
        added(START_MS),
        identified(START_MS, plan="gold"),
        order(START_MS + DAY, "1", 60),
    ):
        remember(row, event.message_id, event.time_ms)
        fold(row, event)
    said = json.loads(json.dumps(readable(stored(row))))
    assert said["segments"] == {"loyal": rfc3339(START_MS)}
    assert said["targets"] == [{"id": "kim", "at": rfc3339(START_MS)}]
    assert said["ways"] == [{"id": "", "since": rfc3339(START_MS)}]
    assert said["consent"] == {"email/marketing": {"since": rfc3339(START_MS), "agreed": True}}
    assert said["past"]["cart"] == {"entered": rfc3339(START_MS), "left": rfc3339(START_MS + DAY)}
    assert said["traits"] == {"plan": "gold"}
    assert said["aliases"] == ["device"]
    assert said["orders"]["revenue"] == 60
    assert said["orders"]["first"]["time"] == rfc3339(START_MS + DAY)
    assert "hashes" in said["ids"]
    assert "bits" not in said


def test_an_event_is_too():
    said = readable(added(START_MS))
    assert said["time"] == rfc3339(START_MS)
    assert said["item"]["quantity"] == 1
