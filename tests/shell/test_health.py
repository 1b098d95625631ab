import json

import pytest
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from stream.shell.health import HealthServer
from stream.shell.metrics import Metrics
from stream.shell.settings import SettingError


async def page(server: HealthServer, path: str) -> tuple[int, str]:
    host, port = server.address
    async with ClientSession() as session, session.get(f"http://{host}:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_pages_say_what_is_wrong_and_nothing_when_all_is_well():
    causes = {"stalled": [], "unready": ["partition 3 is being restored"]}
    metrics = Metrics()
    server = HealthServer(
        ("127.0.0.1", 0), metrics.registry, lambda: causes["stalled"], lambda: causes["unready"]
    )
    await server.start()
    try:
        assert await page(server, "/livez") == (200, '{"ok": true, "causes": []}')
        status, body = await page(server, "/readyz")
        assert status == 503
        assert json.loads(body)["causes"] == ["partition 3 is being restored"]
        causes["unready"] = []
        causes["stalled"] = ["no fetch was answered"]
        assert (await page(server, "/readyz"))[0] == 200
        assert (await page(server, "/livez"))[0] == 503
        assert (await page(server, "/table/"))[0] == 404
    finally:
        await server.stop()


async def test_metrics_follow_the_conventions():
    metrics = Metrics()
    metrics.consumed.labels("raw").inc()
    metrics.customers.labels("loyal", "3").set(7)
    server = HealthServer(("127.0.0.1", 0), metrics.registry, list, list)
    await server.start()
    try:
        _, body = await page(server, "/metrics")
    finally:
        await server.stop()
    families = list(text_string_to_metric_families(body))
    ours = [f for f in families if f.name.startswith("shoal_")]
    assert len(ours) > 30
    for family in ours:
        assert family.documentation
        assert not family.name.endswith(("_ms", "_count", "_milliseconds"))
    assert 'shoal_customers{partition="3",segment="loyal"} 7.0' in body
    assert 'shoal_records_consumed_total{at="raw"} 1.0' in body


async def test_a_port_that_is_taken_is_named_with_its_variable():
    first = HealthServer(("127.0.0.1", 0), Metrics().registry, list, list)
    await first.start()
    second = HealthServer(first.address, Metrics().registry, list, list)
    try:
        with pytest.raises(SettingError, match=r"SHOAL_HTTP_PORT: 127\.0\.0\.1:\d+ cannot be used"):
            await second.start()
    finally:
        await second.stop()
        await first.stop()


async def test_a_socket_whose_path_is_too_long_asks_for_a_shorter_folder(tmp_path):
    server = HealthServer(tmp_path / ("x" * 108), Metrics().registry, list, list)
    try:
        with pytest.raises(SettingError, match=r"TMPDIR: the socket .* set a shorter one"):
            await server.start()
    finally:
        await server.stop()


def test_series_of_a_partition_that_is_gone_are_removed():
    metrics = Metrics()
    for partition in ("3", "4"):
        metrics.customers.labels("loyal", partition).set(7)
        metrics.timers_pending.labels(partition).set(1)
        metrics.lag_records.labels("events", partition).set(2)
    metrics.forget_partition(3)
    sample = metrics.registry.get_sample_value
    assert sample("shoal_customers", {"segment": "loyal", "partition": "3"}) is None
    assert sample("shoal_timers_pending", {"partition": "3"}) is None
    assert sample("shoal_consumer_lag_records", {"topic": "events", "partition": "3"}) is None
    assert sample("shoal_customers", {"segment": "loyal", "partition": "4"}) == 7
