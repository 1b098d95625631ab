import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from stream.shell.health import HealthServer
from stream.shell.metrics import Metrics
from stream.shell.process_metrics import ProcessMetrics
from stream.shell.process_pages import ProcessPages, merge_metrics


class Failing:
    """Metrics that cannot be collected."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> list[Metric]:
        raise RuntimeError("no metrics today")


class Machine:
    """Two workers' pages and those of their parent."""

    def __init__(self, folder: Path) -> None:
        self.unready: list[list[str]] = [[], []]
        self.absence: list[str | None] = [None, None]
        self.metrics = [Metrics(), Metrics()]
        self.parent = ProcessMetrics()
        sockets = [folder / "0", folder / "1"]
        self.children = [
            HealthServer(sockets[n], self.metrics[n].registry, list, self.causes(n)) for n in (0, 1)
        ]
        self.pages = ProcessPages(
            ("127.0.0.1", 0), sockets, self.parent.registry, self.absence.__getitem__
        )

    def causes(self, number: int):
        return lambda: self.unready[number]

    async def get(self, path: str) -> tuple[int, str]:
        async with ClientSession() as session, session.get(self.pages.url + path) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def machine(tmp_path) -> AsyncIterator[Machine]:
    found = Machine(tmp_path)
    for server in (*found.children, found.pages):
        await server.start()
    yield found
    for server in (*found.children, found.pages):
        await server.stop()


async def test_samples_of_all_processes_stand_together_each_with_its_number(machine):
    for number, metrics in enumerate(machine.metrics):
        metrics.consumed.labels("raw").inc(10 + number)
        metrics.ready.set(number)
        metrics.commit_seconds.observe(0.01)
    machine.parent.up.labels("1").set(1)
    status, body = await machine.get("metrics")
    assert status == 200
    families = {f.name: f for f in text_string_to_metric_families(body)}
    consumed = families["shoal_records_consumed"].samples
    assert {(s.labels["process"], s.labels["at"], s.value) for s in consumed} == {
        ("0", "raw", 10.0),
        ("1", "raw", 11.0),
    }
    assert [s.labels for s in families["shoal_ready"].samples] == [
        {"process": "0"},
        {"process": "1"},
    ]
    counts = [s for s in families["shoal_commit_seconds"].samples if s.name.endswith("_count")]
    assert [(s.labels["process"], s.value) for s in counts] == [("0", 1.0), ("1", 1.0)]
    assert [s.labels for s in families["shoal_process_up"].samples] == [{"process": "1"}]
    memory = families["process_resident_memory_bytes"].samples
    assert {s.labels["process"] for s in memory} == {"parent", "0", "1"}
    heads = [line for line in body.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))


async def test_it_is_ready_when_all_are_and_says_who_is_not(machine):
    assert await machine.get("readyz") == (200, '{"ok": true, "causes": []}')
    machine.unready[1] = ["partition 3 is being restored"]
    machine.absence[0] = "it ended with exit code 70 and starts again within 2 s"
    status, body = await machine.get("readyz")
    assert status == 503
    assert json.loads(body)["causes"] == [
        "process 0: it ended with exit code 70 and starts again within 2 s",
        "process 1: partition 3 is being restored",
    ]


async def test_one_that_does_not_answer_is_left_out_and_does_not_end_the_others(machine):
    await machine.children[0].stop()
    assert [await machine.pages.answers(n) for n in (0, 1)] == [False, True]
    status, body = await machine.get("readyz")
    assert (status, json.loads(body)["causes"]) == (503, ["process 0: it does not answer yet"])
    status, body = await machine.get("metrics")
    assert status == 200
    assert 'shoal_ready{process="1"}' in body
    assert 'shoal_ready{process="0"}' not in body
    assert await machine.get("livez") == (200, '{"ok": true, "causes": []}')


async def test_a_page_that_fails_is_none_and_does_not_fail_the_others(machine):
    machine.children[0]._unready = lambda: 1 / 0
    machine.metrics[0].registry.register(Failing())
    status, body = await machine.get("readyz")
    assert (status, json.loads(body)["causes"]) == (503, ["process 0: it does not answer yet"])
    status, body = await machine.get("metrics")
    assert status == 200
    assert 'shoal_ready{process="1"}' in body
    assert "Internal Server Error" not in body
    assert await machine.pages.answers(0)


def test_a_family_without_samples_on_the_first_page_has_its_head_once():
    head = "# HELP a Of it\n# TYPE a gauge\n"
    merged = merge_metrics([("0", head), ("1", head + 'a{b="c"} 1\n')])
    assert merged == head + 'a{process="1",b="c"} 1\n'
