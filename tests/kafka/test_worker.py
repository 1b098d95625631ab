"""A worker as operations see it: start, readiness, metrics, refusals."""

import json
import time

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from stream.events.records import ProductViewed, Tick, Version, decode_record
from stream.events.topics import TOPICS
from stream.shell.connection import new_admin
from stream.shell.topic_admin import TopicsError, create_topics, inspect_topics, require_topics
from tests.kafka.installation import event, until

pytestmark = pytest.mark.kafka


def views(count: int) -> list[bytes]:
    begin_ms = int(time.time() * 1000) - 10_000
    return [event(f"c-{n % 50}", n, begin_ms + n) for n in range(count)]


def total(metrics: dict[str, float], name: str, at: str | None = None) -> float:
    wanted = f"shoal_{name}_total"
    found = [v for k, v in metrics.items() if k.partition("{")[0] == wanted]
    if at is not None:
        found = [v for k, v in metrics.items() if k.startswith(f"{wanted}{{") and f'at="{at}"' in k]
    return sum(found)


async def test_counts_add_up_to_what_was_consumed(place):
    await place.create()
    worker = place.start_worker()
    await place.send("events", [*views(600), b"{", *views(200), b'{"type":"page"}'])

    def counted() -> dict[str, float] | None:
        if worker.port() is None:
            return None
        found = worker.metrics()
        folded = total(found, "records_applied") + total(found, "records_duplicate")
        return found if folded >= 800 else None

    found = await until(counted)
    for at, parts in {
        "raw": [total(found, "records_routed")],
        "log": [
            total(found, "records_applied"),
            total(found, "records_duplicate"),
            total(found, "records_forwarded"),
            total(found, "records_quarantined"),
        ],
    }.items():
        ends = [*parts, total(found, "records_control", at), total(found, "dead_letters", at)]
        assert total(found, "records_consumed", at) == sum(ends), at
    assert total(found, "records_duplicate") == 200
    assert total(found, "dead_letters", "raw") == 2
    assert worker.terminate() == 0, worker.log


async def test_lag_comes_down_to_nothing_and_the_groups_offsets_follow(place):
    await place.create()
    await place.send("events", views(400))
    worker = place.start_worker()

    def lags() -> list[float]:
        if worker.port() is None:
            return []
        found = worker.metrics().items()
        return [v for k, v in found if k.startswith("shoal_consumer_lag_records")]

    await until(lambda: (found := lags()) and len(found) == 8 and not any(found))

    async def is_committed() -> bool:
        offsets = await place.committed()
        raw = {tp: n for tp, n in offsets.items() if tp.topic == place.topic("events")}
        return sum(raw.values()) == 400

    await until(is_committed)
    assert worker.terminate() == 0, worker.log


async def test_an_idle_shop_keeps_time_with_the_broker(place):
    await place.create()
    worker = place.start_worker()
    await place.send("events", views(40))
    await until(lambda: worker.port() and worker.metrics()["shoal_clock_timestamp_seconds"] > 0)

    def behind_s() -> float:
        return time.time() - worker.metrics()["shoal_clock_timestamp_seconds"]

    # The events are 10 s old, and the lateness is 5 s: an idle clock stays that far behind.
    await until(lambda: behind_s() < 17)
    clock_s = worker.metrics()["shoal_clock_timestamp_seconds"]
    await until(lambda: worker.metrics()["shoal_clock_timestamp_seconds"] > clock_s + 3)
    assert 14.9 < behind_s() < 18
    assert worker.terminate() == 0, worker.log


async def test_definitions_are_published_once_and_stand_before_all_ticks(place):
    await place.create()
    first, second = place.start_worker(), place.start_worker()
    await place.send("events", views(40))
    await until(first.is_ready)
    await until(second.is_ready)

    async def has_ticks() -> bool:
        log = [decode_record(r.value) for r in await place.read("customer-events")]
        return any(isinstance(record, Tick) for record in log)

    await until(has_ticks)
    for worker in (first, second):
        assert worker.terminate() == 0, worker.log
    published = [record.value for record in await place.read("definitions")]
    assert len(set(published)) == 1
    for partition in range(place.settings.partitions):
        records = await place.read("customer-events")
        control = [
            decode_record(r.value) for r in records if r.partition == partition and r.key is None
        ]
        assert isinstance(control[0], Version)
        assert control[0].kind == "definitions"
        assert sum(isinstance(record, Version) for record in control) == 1
        clocks = [record.clock_ms for record in control if isinstance(record, Tick)]
        assert clocks == sorted(clocks)


async def test_reference_data_is_read_before_anything_is_routed(place):
    await place.create()
    products = [
        json.dumps({"type": "product", "id": f"P{n}", "category": f"cat-{n}"}).encode()
        for n in range(7)
    ]
    producer = AIOKafkaProducer(bootstrap_servers=place.settings.broker)
    await producer.start()
    for number, product in enumerate(products):
        key = b"product:P%d" % number
        await producer.send_and_wait(place.topic("reference"), product, key, partition=0)
    await producer.send_and_wait(place.topic("reference"), b"[]", b"broken", partition=0)
    await producer.stop()
    await place.send("events", views(200))
    worker = place.start_worker()

    async def viewed() -> list[ProductViewed] | None:
        log = [decode_record(r.value) for r in await place.read("customer-events")]
        found = [record for record in log if isinstance(record, ProductViewed)]
        return found if len(found) == 200 else None

    for record in await until(viewed):
        assert record.item.category == f"cat-{record.item.product_id[1:]}"
    assert worker.terminate() == 0, worker.log
    assert "reference record at offset 7 is left out" in worker.log


async def test_a_worker_refuses_missing_topics_and_says_what_to_do(place):
    worker = place.start_worker()
    assert worker.wait() == 1
    assert place.topic("events") in worker.log
    assert "shoal topics create" in worker.log
    assert "Traceback" not in worker.log


async def test_a_worker_refuses_another_partition_count(place):
    await place.create()
    worker = place.start_worker(SHOAL_PARTITIONS="5")
    assert worker.wait() == 1
    assert "has 4 partitions, the settings say 5" in worker.log


async def test_a_worker_refuses_a_setting_that_cannot_be_with_another_code(place):
    worker = place.start_worker(SHOAL_PARTITIONS="many")
    assert worker.wait() == 2
    assert "SHOAL_PARTITIONS: 'many' is not a whole number" in worker.log


async def test_topics_are_created_once_and_are_then_as_they_must_be(place):
    with pytest.raises(TopicsError, match="shoal topics create"):
        await require_topics(place.settings)
    assert len(await create_topics(place.settings)) == len(TOPICS)
    assert await create_topics(place.settings) == []
    await require_topics(place.settings)
    assert [f.problem for f in await inspect_topics(place.settings)] == [None] * len(TOPICS)


async def test_a_topic_with_the_senders_time_is_refused_by_name(place):
    admin = new_admin(place.settings)
    await admin.start()
    config = {"message.timestamp.type": "CreateTime"}
    name = place.topic("events")
    await admin.create_topics([NewTopic(name, 4, 1, topic_configs=config)])
    await admin.close()
    await create_topics(place.settings)
    with pytest.raises(TopicsError, match=r"message\.timestamp\.type=CreateTime; change it"):
        await require_topics(place.settings)


async def test_a_partition_that_moves_is_restored_with_its_customers(place):
    await place.create()
    await place.send("events", views(400))
    first = place.start_worker()

    async def known() -> int:
        rows = await place.read("customers-changelog")
        return len({r.key for r in rows if not r.key.startswith(b"\0")})

    async def all_known() -> bool:
        return await known() == 50

    await until(all_known)
    assert first.terminate() == 0, first.log
    second = place.start_worker()
    await until(second.is_ready)
    found = second.metrics()
    customers = sum(v for k, v in found.items() if k.startswith('shoal_customers{partition="'))
    assert found["shoal_restore_rows_total"] >= 50
    assert customers >= 50
    assert second.terminate() == 0, second.log
