"""Who publishes what: workers that start, and the command, on a broker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stream.segments.pack import pack_name
from stream.shell.announcing import publish_by_command
from stream.shell.definitions import (
    COMMAND_KEY,
    START_KEY,
    newest_definitions,
    publish_definitions,
    write_definitions,
)
from stream.shell.embedded import EmbeddedBroker
from stream.shell.settings import Settings
from stream.shell.topic_admin import create_topics
from tests.engine.lane import BUILT_IN, definitions

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)

OLD = definitions("name: buyer, enter: orders.count >= 1")
LIVE = definitions("name: buyer, enter: orders.count >= 2")
BAD = definitions("name: buyer, enter: orders.cuont >= 1")


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as found:
        yield found


@pytest.fixture
def settings(broker: EmbeddedBroker, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A worker that is started with the old file; topics of its own."""
    file = tmp_path / "old.yaml"
    file.write_bytes(OLD)
    prefix = f"{abs(hash(request.node.name))}."
    found = Settings(broker=broker.address, topic_prefix=prefix, partitions=1, segments=file)
    asyncio.run(create_topics(found))
    return found


def newest(settings: Settings) -> bytes | None:
    found = asyncio.run(newest_definitions(settings))
    return None if found is None else found.content


def start(settings: Settings) -> str:
    return asyncio.run(publish_definitions(settings))


def write(settings: Settings, content: bytes, key: bytes = COMMAND_KEY) -> None:
    asyncio.run(write_definitions(settings, content, key))


def test_the_first_worker_publishes_what_it_was_started_with(settings: Settings):
    assert newest(settings) is None
    assert start(settings) == pack_name(OLD)
    assert newest(settings) == OLD


@pytest.mark.parametrize("has_file", [True, False])
def test_a_restart_with_an_older_file_or_none_leaves_what_was_published_alone(
    settings: Settings, has_file: bool, caplog: pytest.LogCaptureFixture
):
    start(settings)
    write(settings, LIVE)
    started = settings if has_file else replace(settings, segments=None)
    assert start(started) == pack_name(LIVE)
    assert newest(settings) == LIVE
    assert "stay in force" in caplog.text
    assert (str(settings.segments) if has_file else "the built-in pack") in caplog.text


def test_the_operator_can_say_that_a_start_publishes(settings: Settings):
    write(settings, LIVE)
    assert start(replace(settings, segments_at_start="publish")) == pack_name(OLD)
    assert newest(settings) == OLD


def test_a_changed_file_is_published_by_a_start_where_no_command_was_given(settings: Settings):
    write(settings, LIVE, START_KEY)
    assert start(settings) == pack_name(OLD)
    assert start(replace(settings, segments=None)) == pack_name(BUILT_IN)


def test_a_content_that_does_not_load_is_not_the_newest(settings: Settings):
    write(settings, LIVE)
    write(settings, BAD, b"by-hand")
    assert newest(settings) == LIVE
    assert start(settings) == pack_name(LIVE)


def test_the_same_content_by_command_is_out_of_the_reach_of_starts(settings: Settings):
    start(settings)
    words: list[str] = []
    found = asyncio.run(newest_definitions(settings))
    assert found is not None
    assert found.by_start
    told = asyncio.run(publish_by_command(settings, OLD, found, 0.5, words.append))
    assert not told, "nobody keeps time here"
    assert words[0].startswith("written")
    assert start(replace(settings, segments=None)) == pack_name(OLD)
