"""Commands on a broker without the installation that they are told of say so, and make none."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.cli import main as cli
from stream.shell.embedded import EmbeddedBroker
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics, partition_counts

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)

COMMANDS = [
    ("customer", "c-1"),
    ("dead-letters", "list"),
    ("dead-letters", "retry", "--all"),
    ("export", "c-1"),
    ("forget", "c-1", "--yes"),
    ("segments", "forecast"),
    ("segments", "backfill"),
    ("segments", "publish", "FILE", "--yes"),
]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    with EmbeddedBroker() as broker:
        monkeypatch.setenv("SHOAL_BROKER", broker.address)
        monkeypatch.setenv("SHOAL_PARTITIONS", "2")
        yield Settings(broker=broker.address, partitions=2)


def called(words: tuple[str, ...], folder: Path) -> int:
    file = folder / "one.yaml"
    file.write_text("segments: [{name: a, purpose: p, enter: orders.count >= 1}]")
    return cli.main([str(file) if word == "FILE" else word for word in words])


@pytest.mark.parametrize("words", COMMANDS)
def test_topics_that_are_not_there_are_told_and_not_made(
    words: tuple[str, ...],
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert called(words, tmp_path) == 1
    err = capsys.readouterr().err
    assert "topics are missing" in err
    assert "shoal topics create" in err
    assert asyncio.run(partition_counts(settings)) == {}


def test_traffic_to_a_topic_that_is_not_there_makes_none(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["simulate", "--customers", "60", "--days", "1", "--to", "kafka"]
    assert cli.main(small) == 1
    assert "shoal topics create" in capsys.readouterr().err
    assert asyncio.run(partition_counts(settings)) == {}


@pytest.mark.parametrize("words", COMMANDS[:3])
def test_another_number_of_partitions_is_told_and_not_that_nobody_is_there(
    words: tuple[str, ...],
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asyncio.run(create_topics(settings))
    monkeypatch.setenv("SHOAL_PARTITIONS", "8")
    assert called(words, tmp_path) == 1
    assert "has 2 partitions, the settings say 8; set SHOAL_PARTITIONS" in capsys.readouterr().err


@pytest.mark.parametrize("words", COMMANDS)
def test_a_broker_that_is_not_there_is_one_line(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("SHOAL_BROKER", "127.0.0.1:1")
    assert called(words, tmp_path) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "does not answer" in err
    assert "start it, or set SHOAL_BROKER" in err
    assert caplog.records == []
