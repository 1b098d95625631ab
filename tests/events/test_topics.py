from stream.events.topics import MESSAGE_BYTES_MAX, RECORD_BYTES_MAX, TOPICS


def test_names_are_unique():
    names = [topic.name for topic in TOPICS]
    assert len(set(names)) == len(names) == 13


def test_every_topic_takes_the_brokers_time_and_the_largest_record():
    for topic in TOPICS:
        config = topic.configuration()
        assert config["message.timestamp.type"] == "LogAppendTime"
        assert int(config["max.message.bytes"]) == MESSAGE_BYTES_MAX > RECORD_BYTES_MAX
        assert config["cleanup.policy"] in {"compact", "delete"}


def test_state_is_compacted_and_never_deleted():
    for topic in TOPICS:
        config = topic.configuration()
        if topic.compacted:
            assert config["cleanup.policy"] == "compact"
            assert "retention.ms" not in config
        else:
            assert int(config["retention.ms"]) == (topic.retention_ms or -1)


def test_partition_counts_follow_the_installation_or_are_one():
    counts = {topic.name: topic.partition_count(12) for topic in TOPICS}
    assert counts["events"] == counts["customer-events"] == counts["segment-changes"] == 12
    assert counts["clock"] == counts["definitions"] == counts["reference"] == 1
