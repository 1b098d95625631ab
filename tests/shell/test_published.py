"""Contents of the definitions topic: what counts, what is left out, and that it is said."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stream.engine.coordinator import Coordinator, SourceReport
from stream.engine.effects import StoredRecord
from stream.events.records import Version
from stream.segments.pack import pack_name
from stream.shell.definitions import COMMAND_KEY, PAST_KEY, START_KEY, refusal
from stream.shell.metrics import Metrics
from stream.shell.published import PublishedDefinitions
from tests.engine.lane import definitions

GOOD = definitions("name: buyer, enter: orders.count >= 1")
BETTER = definitions("name: buyer, enter: orders.count >= 2")
BAD = definitions("name: buyer, enter: orders.cuont >= 1")
CLOCK_MS = 1_772_409_600_000


class Topic:
    """A time-keeper's part that hears the topic."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.coordinator = Coordinator(1)
        self.published = PublishedDefinitions(
            SimpleNamespace(metrics=self.metrics), self.coordinator
        )
        self.offset = 0

    def record(self, content: bytes | None, key: bytes | None = COMMAND_KEY) -> StoredRecord:
        self.offset += 1
        return StoredRecord(self.offset, 0, key, content)

    def hear(self, content: bytes | None, key: bytes | None = COMMAND_KEY) -> bool:
        return self.published.hear(self.record(content, key))

    def announced(self) -> list[tuple[str, bytes]]:
        decision = self.coordinator.decide()
        control = () if decision is None else decision.control
        return [(v.kind, v.content) for v in control if isinstance(v, Version)]

    def refused(self) -> float | None:
        return self.metrics.registry.get_sample_value("shoal_definitions_refused_total")


def test_a_content_that_loads_is_announced():
    topic = Topic()
    assert topic.hear(GOOD, START_KEY)
    assert topic.announced() == [("definitions", GOOD)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (BAD, "did you mean orders.count"),
        (b"\xff\xfe{", "definitions"),
        (b"", "definitions"),
        (None, "it is empty"),
    ],
)
def test_one_that_does_not_load_is_said_and_counted_and_the_former_one_goes_on(
    content, says, caplog
):
    topic = Topic()
    topic.hear(GOOD)
    topic.announced()
    assert not topic.hear(content)
    assert says in caplog.text
    assert "offset 2 is left out" in caplog.text
    assert len(caplog.records) == 1
    assert topic.announced() == []
    assert topic.refused() == 1
    assert topic.coordinator.state.names["definitions"] == pack_name(GOOD)
    assert topic.hear(BETTER)
    assert topic.announced() == [("definitions", BETTER)]


def test_after_a_restart_the_newest_that_loads_counts():
    topic = Topic()
    for content in (GOOD, BETTER, BAD):
        topic.published.collect(topic.record(content))
    topic.published.resume()
    assert topic.announced() == [("definitions", BETTER)]
    assert topic.refused() == 1


def test_nobody_goes_back_behind_what_was_announced_though_it_does_not_load_here():
    topic = Topic()
    topic.coordinator.state.names["definitions"] = pack_name(BAD)
    for content in (GOOD, BAD):
        topic.published.collect(topic.record(content))
    topic.published.resume()
    assert topic.announced() == []
    assert topic.refused() == 0


def test_the_past_of_measures_is_announced_after_the_definitions():
    topic = Topic()
    past = b'{"k":[1772409600000,0]}'
    topic.published.collect(topic.record(GOOD))
    topic.published.collect(topic.record(b'{"k":1}', PAST_KEY))
    topic.published.collect(topic.record(past, PAST_KEY))
    topic.published.resume()
    assert topic.announced() == [("definitions", GOOD), ("past", past)]
    assert not topic.hear(b"nothing", PAST_KEY)
    assert topic.announced() == []


def test_new_definitions_are_in_force_from_the_clock_on():
    topic = Topic()
    topic.hear(GOOD)
    topic.announced()
    topic.coordinator.source(SourceReport(0, CLOCK_MS, 1, 1))
    topic.coordinator.decide()
    topic.hear(BETTER)
    decision = topic.coordinator.decide()
    assert decision is not None
    [version] = decision.control
    assert isinstance(version, Version)
    assert (version.content, version.active_ms) == (BETTER, CLOCK_MS)


def test_a_refusal_names_line_and_field():
    assert refusal(GOOD) is None
    found = refusal(BAD)
    assert found is not None
    assert "line 3" in found or ":3" in found
