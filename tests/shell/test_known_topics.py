"""A partition's rows are worked on with the topics that they are of, and with no others."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition

from stream.engine.meta import SourceState
from stream.shell.known_topics import KnownTopics, TopicLostError
from stream.shell.settings import Settings

SETTINGS = Settings(partitions=4)
IDS = {"events": "raw-1", "customer-events": "log-1", "customers-changelog": "rows-1"}
LOG = TopicPartition("customer-events", 2)


def known(**changes: str) -> KnownTopics:
    return KnownTopics(SETTINGS, {**IDS, **{k.replace("_", "-"): v for k, v in changes.items()}})


def test_what_is_remembered_is_what_the_broker_says_and_where_the_source_stands():
    state = known().remembered(SourceState(next_offset=7, event_ms=9))
    assert state == SourceState(
        next_offset=7, event_ms=9, partitions=4, raw_id="raw-1", log_id="log-1"
    )
    assert known().remembered(None).next_offset == 0
    known().check(2, state)


def test_rows_of_an_older_build_remember_nothing_and_take_the_topics_as_they_are():
    state = SourceState(next_offset=7)
    known().check(2, state)
    assert known().remembered(state).raw_id == "raw-1"


def test_a_broker_that_tells_no_ids_is_believed_and_nothing_is_forgotten():
    told = known().remembered(SourceState(next_offset=7))
    silent = KnownTopics(SETTINGS)
    silent.check(2, told)
    assert silent.remembered(told) == told


@pytest.mark.parametrize("topic", ["events", "customer-events"])
def test_a_topic_made_anew_is_refused_by_name_with_what_to_do(topic: str):
    state = known().remembered(SourceState(next_offset=7))
    now = KnownTopics(SETTINGS, {**IDS, topic: "another"})
    with pytest.raises(TopicLostError, match=rf"^{topic} is not .* made anew.*shoal rebuild"):
        now.check(2, state)


def test_another_number_of_partitions_is_refused_with_both_numbers():
    state = known().remembered(SourceState(next_offset=7))
    grown = KnownTopics(Settings(partitions=8), IDS)
    with pytest.raises(TopicLostError, match=r"4 partitions, and SHOAL_PARTITIONS is 8.*rebuild"):
        grown.check(2, state)


def test_an_emptied_changelog_is_refused_where_the_group_had_committed():
    with pytest.raises(TopicLostError, match=r"customers-changelog-2 is empty.* offset 17"):
        KnownTopics(SETTINGS, IDS, {LOG: 17}).check(2, None)


def test_a_first_start_and_one_before_the_first_commit_are_no_loss():
    for committed in ({}, {LOG: 0}):
        begun = KnownTopics(SETTINGS, IDS, committed)
        begun.check(2, None)
        assert begun.remembered(None).log_id == "log-1"
