"""shoal segments publish: what it refuses, what it shows, what it asks."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.cli import main as cli
from stream.cli.publish_difference import difference
from stream.cli.segments_backfill import said
from stream.segments.pack import load_pack
from stream.segments.reading import Reading
from stream.shell.backfilling import Filled
from stream.shell.definitions import START_KEY, newest_definitions, write_definitions
from stream.shell.embedded import EmbeddedBroker
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics
from tests.engine.lane import definitions

OLD = definitions(
    "name: buyer, enter: orders.count >= least",
    "name: keen, enter: 'count(product_added, within=7 * DAY) >= 3'",
    "name: gone, enter: since(seen.last) > 30 * DAY",
    settings="{least: 1}",
)
NEW = definitions(
    "name: buyer, priority: 70, enter: orders.count >= least",
    "name: keen, enter: 'count(product_added, within=7 * DAY) >= 3'",
    "name: fresh, enter: 'count(product_added, within=14 * DAY) == 0'",
    "name: never, enter: 'count(order_completed) == 0'",
    "name: late, enter: 'since(last(order_completed)) > 2 * DAY'",
    settings="{least: 2}",
)

embedded = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """An installation whose workers were started with the old file, and are gone."""
    with EmbeddedBroker() as broker:
        found = Settings(broker=broker.address, partitions=1)
        asyncio.run(create_topics(found))
        asyncio.run(write_definitions(found, OLD, START_KEY))
        yield found


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_bytes(NEW)
    return path


def publish(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: Settings,
    *words: str,
) -> tuple[int, str, str]:
    monkeypatch.setenv("SHOAL_BROKER", settings.broker)
    monkeypatch.setenv("SHOAL_PARTITIONS", "1")
    monkeypatch.setenv("COLUMNS", "100")
    code = cli.main(["segments", "publish", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def in_force(settings: Settings) -> bytes:
    found = asyncio.run(newest_definitions(settings))
    assert found is not None
    return found.content


def test_the_difference_is_by_segment_setting_and_measure():
    found = difference(load_pack(OLD), Reading(NEW, "new"))
    assert {edit.segment: edit.kind for edit in found.edits} == {
        "buyer": "changed",
        "keen": "same",
        "fresh": "new",
        "never": "new",
        "late": "new",
        "gone": "removed",
    }
    assert found.settings == {"least": (1, 2)}
    fresh, never = found.measures
    assert (fresh.segment, never.segment) == ("fresh", "never")
    assert fresh.text == "count(product_added, within=14 * DAY)"
    assert fresh.whole_ms is not None
    assert never.whole_ms is None


def test_at_the_first_publishing_everything_is_new_and_no_past_is_missing():
    found = difference(None, Reading(NEW, "new"))
    assert {edit.kind for edit in found.edits} == {"new"}
    assert (found.old_name, found.measures) == (None, ())


@embedded
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"segments:\n  - {name: a, purpose: p, enter: orders.cuont > 1}\n", "orders.count"),
        (b"segments: {", "bad.yaml:1"),
        (None, "cannot read"),
    ],
)
def test_a_bad_file_is_one_clear_error_and_changes_nothing(
    monkeypatch, capsys, settings, tmp_path, content, says
):
    path = tmp_path / "bad.yaml"
    if content is not None:
        path.write_bytes(content)
    code, out, err = publish(monkeypatch, capsys, settings, str(path), "--yes")
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert in_force(settings) == OLD


@embedded
def test_without_a_word_nothing_is_changed_though_everything_is_shown(
    monkeypatch, capsys, settings, shop
):
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr("stream.cli.segments_publish._is_wanted", lambda: False)
    code, out, err = publish(monkeypatch, capsys, settings, str(shop))
    assert (code, err) == (1, "nothing was changed\n")
    for words in ("removed", "gone", "least: 1 -> 2", "by a backfill only", "14 * DAY"):
        assert words in out
    assert in_force(settings) == OLD


@embedded
def test_where_nobody_can_be_asked_yes_is_needed(monkeypatch, capsys, settings, shop):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, _, err = publish(monkeypatch, capsys, settings, str(shop))
    assert code == 2
    assert "say --yes" in err
    assert in_force(settings) == OLD


@embedded
@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("", 1), ("y", 1)])
def test_on_a_terminal_the_answer_counts(monkeypatch, capsys, settings, shop, answer, code):
    """No worker runs here, so that even what is wanted is not announced."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    found, _, err = publish(monkeypatch, capsys, settings, str(shop), "--timeout", "0.3")
    assert found == code
    assert ("not announced within 0.3 s" in err) == (answer == "y")
    assert (in_force(settings) == NEW) == (answer == "y")
    asyncio.run(write_definitions(settings, OLD, START_KEY))


@embedded
def test_json_says_what_changes_and_that_it_was_not_announced(monkeypatch, capsys, settings, shop):
    code, out, err = publish(
        monkeypatch, capsys, settings, str(shop), "--yes", "--json", "--timeout", "0.3"
    )
    told = json.loads(out)
    assert code == 1
    assert "see that a worker runs" in err
    assert told["announced"] is False
    assert told["settings"] == {"least": {"old": 1, "new": 2}}
    assert [each["segment"] for each in told["measures"]] == ["fresh", "never"]
    asyncio.run(write_definitions(settings, OLD, START_KEY))


def test_a_broker_that_is_not_there_is_said(monkeypatch, capsys, shop):
    code, _, err = publish(monkeypatch, capsys, Settings(broker="127.0.0.1:1"), str(shop), "--yes")
    assert code == 1
    assert "SHOAL_BROKER" in err


@embedded
def test_a_backfill_without_workers_says_so(monkeypatch, capsys, settings):
    monkeypatch.setenv("SHOAL_BROKER", settings.broker)
    monkeypatch.setenv("SHOAL_PARTITIONS", "1")
    monkeypatch.setattr("stream.shell.backfilling.AGREE_PAUSE_S", 0.01)
    code = cli.main(["segments", "backfill"])
    assert code == 1
    assert "see that workers run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Filled(0, 0, 0, 0), "no measure lacks its past; nothing was written"),
        (Filled(0, 2, 0, 0), "the retained log does not reach back behind the measures"),
        (Filled(3, 0, 40, 0), "3 measures are whole (40 pasts were added)"),
        (Filled(3, 1, 40, 1_772_409_600_000), "whole since 2026-03-02T00:00:00.000Z"),
    ],
)
def test_what_a_backfill_did_is_said_without_claiming_more(found: Filled, says: str):
    assert says in said(found)
