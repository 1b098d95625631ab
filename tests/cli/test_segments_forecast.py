"""`shoal segments forecast`: what it tells is what happens when the clock goes on alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from stream.clock import HOUR_MS, rfc3339
from stream.engine.effects import StoredRecord
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.records import Tick, encode_record
from stream.explain.forecast import Forecast
from stream.segments.rules import CUSTOMER
from stream.simulation.offline import LogReplay
from stream.state.codec import pack
from tests.cli.dumps import dump
from tests.cli.test_customer import tracked
from tests.engine.lane import BUILT_IN, Lane, definitions
from tests.engine.recorded import recording
from tests.state.shopping import (
    DAY,
    HOUR,
    MINUTE,
    START_MS,
    added,
    checkout,
    order,
    page,
    product,
)

TIMED = definitions(
    "name: waiting, enter: 'cart.items > 0 and since(cart.last_activity) >= 1 * HOUR', "
    "exit: 'cart.items <= 0 or since(cart.last_activity) > 7 * HOUR'",
    "name: fresh, enter: 'since(orders.last) < 20 * HOUR', min_stay: 22 * HOUR",
    "name: looking, enter: 'count(product_viewed, within=12 * HOUR) >= 2'",
    "name: hidden, enter: 'since(seen.last) > 9 * HOUR', shadow: true",
    "name: again, enter: 'since(seen.last) > 2 * HOUR and in_segment(\"fresh\")'",
)


def busy(content: bytes = TIMED) -> Lane:
    """Sixty customers over a day, each with a little of everything."""
    lane = Lane(content)
    for number in range(60):
        at_ms = START_MS + number * 23 * MINUTE
        who = f"c{number}"
        lane.put(who, page(at_ms), product(at_ms + 1, "a"))
        if number % 2:
            lane.put(who, added(at_ms + MINUTE, f"p{number}"))
        if number % 3 == 0:
            lane.put(who, order(at_ms + 2 * MINUTE, f"o{number}", 10 * number))
        if number % 5 == 0:
            lane.put(who, product(at_ms + 3 * MINUTE, "b"), checkout(at_ms + 3 * MINUTE))
    lane.tick(START_MS + DAY)
    return lane


@pytest.mark.parametrize("content", [TIMED, BUILT_IN])
@pytest.mark.parametrize("hours", [1, 24, 24 * 100])
def test_what_is_forecast_is_what_happens(content: bytes, hours: int):
    lane = busy(content)
    told = Forecast(START_MS + DAY, hours)
    before = {key: pack(row) for key, row in lane.engine.store.rows()}
    expected = Counter(
        (c.customer, c.segment, c.entered, c.time_ms, c.cause) for c in told.look_at(lane.engine)
    )
    assert {key: pack(row) for key, row in lane.engine.store.rows()} == before
    begun = len(lane.effects)
    lane.tick(told.end_ms)
    happened = [
        change
        for found in lane.effects[begun:]
        for change in found.changes + found.shadow_changes
        if change.segment != CUSTOMER
    ]
    assert expected == Counter(
        (c.customer, c.segment, c.entered, c.time_ms, c.cause) for c in happened
    )
    by_hour = Counter(
        (c.segment, c.entered, (c.time_ms - told.start_ms - 1) // HOUR_MS) for c in happened
    )
    for name, flows in told.flows.items():
        assert flows.entries == [by_hour[name, True, hour] for hour in range(hours)]
        assert flows.exits == [by_hour[name, False, hour] for hour in range(hours)]
    assert sum(by_hour.values()) == expected.total() >= (20 if hours > 24 else 0)
    assert told.customers == 60
    assert told.turning == len({c.customer for c in happened})


def test_a_definition_that_is_announced_already_comes_into_force():
    lane = busy()
    lane.define(definitions("name: late, enter: 'since(seen.last) > 30 * HOUR'"),
                START_MS + DAY + 5 * HOUR)  # fmt: skip
    told = list(Forecast(START_MS + DAY, 24).look_at(lane.engine))
    begun = len(lane.effects)
    lane.tick(START_MS + 2 * DAY)
    happened = [change for found in lane.effects[begun:] for change in found.changes]
    visible = [c for c in told if c.segment != "hidden"]
    assert Counter((c.customer, c.segment, c.time_ms, c.cause) for c in visible) == Counter(
        (c.customer, c.segment, c.time_ms, c.cause) for c in happened
    )
    assert {c.cause for c in visible} == {"definition", "timer"}


def test_rows_are_looked_at_one_at_a_time(monkeypatch: pytest.MonkeyPatch):
    lane = busy()
    seen: list[int] = []
    rows = lane.engine.store.rows

    def counted(self: Any):
        for number, each in enumerate(rows()):
            seen.append(number)
            yield each

    monkeypatch.setattr(type(lane.engine.store), "rows", counted)
    engine: PartitionEngine = lane.engine
    changes = Forecast(START_MS + DAY, 100).look_at(engine)
    next(changes)
    assert 0 < len(seen) < 60


@pytest.fixture
def shop(tmp_path: Path) -> tuple[str, str]:
    lines = [
        tracked(1, START_MS, "Product Added", "c-1", product_id="x", price=5, quantity=1),
        tracked(2, START_MS + 30 * MINUTE, "Product Added", "c-2", product_id="x", price=5),
        tracked(3, START_MS + 40 * MINUTE, "Order Completed", "c-3", order_id="o", revenue=9),
    ]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines))
    (tmp_path / "timed.yaml").write_bytes(TIMED)
    return str(tmp_path / "events.jsonl"), str(tmp_path / "timed.yaml")


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert cli.main(["segments", "forecast", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_history_is_forecast_by_hour(shop: tuple[str, str], capsys: pytest.CaptureFixture[str]):
    events, segments = shop
    found = asked(capsys, "--hours", "3", "--events", events, "--segments", segments, "--list")
    assert found["from"] == rfc3339(START_MS + 40 * MINUTE)
    flows = {each["segment"]: each for each in found["segments"]}
    assert flows["waiting"]["entries_per_hour"] == [2, 0, 0]
    assert flows["again"]["entries_per_hour"] == [0, 0, 1]
    assert (found["customers"], found["turning"]) == (3, 3)
    assert found["customers_turning"] == [
        {"time": rfc3339(START_MS + HOUR), "customer": "c-1", "segment": "waiting",
         "change": "entered"},
        {"time": rfc3339(START_MS + 90 * MINUTE), "customer": "c-2", "segment": "waiting",
         "change": "entered"},
        {"time": rfc3339(START_MS + 160 * MINUTE + 1), "customer": "c-3", "segment": "again",
         "change": "entered"},
    ]  # fmt: skip
    only = asked(capsys, "--hours", "8", "--events", events, "--segments", segments,
                 "--segment", "waiting")  # fmt: skip
    assert [each["segment"] for each in only["segments"]] == ["waiting"]
    assert (only["segments"][0]["entries"], only["segments"][0]["exits"]) == (2, 2)
    assert "customers_turning" not in only


def test_tables_for_people(shop: tuple[str, str], capsys: pytest.CaptureFixture[str]):
    events, segments = shop
    words = ["segments", "forecast", "--hours", "3", "--events", events, "--segments", segments]
    assert cli.main([*words, "--list"]) == 0
    out = capsys.readouterr().out
    assert "3 of 3 customers turn" in out
    assert "+waiting  c-1" in out
    assert cli.main([*words, "--segment", "nothing"]) == 2
    assert "there is no segment 'nothing'" in capsys.readouterr().err
    assert cli.main(["segments", "forecast", "--hours", "0", "--events", events]) == 2


def test_a_dump_of_the_log_is_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Against what a replay of the log tells when its clock is ticked on."""
    run = recording(1, 3)
    dump(run, tmp_path / "log.jsonl")
    found = asked(capsys, "--hours", "2000", "--log", str(tmp_path / "log.jsonl"), "--list")
    replay = LogReplay(EngineSettings())
    for partition, log in enumerate(run.logs):
        replay.apply(partition, log)
    clock_ms = max(engine.clock_ms for engine in replay.engines.values())
    assert found["from"] == rfc3339(clock_ms)
    tick = encode_record(Tick(clock_ms=clock_ms + 2_000 * HOUR_MS))
    happened = [
        (rfc3339(change.time_ms), change.customer, change.segment)
        for partition, log in enumerate(run.logs)
        for change in replay.apply(partition, [StoredRecord(len(log), 0, None, tick)])
    ]
    told = [(t["time"], t["customer"], t["segment"]) for t in found["customers_turning"]]
    assert sorted(told) == sorted(happened)
    assert len(told) > 5
