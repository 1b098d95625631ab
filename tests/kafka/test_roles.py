"""Operators and rebuilders on a broker that asks who is there: what is theirs, and no more."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from aiokafka.errors import TopicAuthorizationFailedError

from stream.cli import main as cli
from stream.shell.access import roles
from stream.shell.connection import new_producer
from stream.shell.permissions import PermissionsError, require_permissions
from stream.shell.settings import Settings, read_settings
from tests.kafka.installation import Installation, WorkerProcess, event, until
from tests.kafka.secured import SecuredBroker, grant
from tests.kafka.ways import CUSTOMERS, kafka, secure, told

__all__ = ["kafka"]

pytestmark = pytest.mark.kafka

SEGMENTS = "segments:\n  - {name: buyer, purpose: p, enter: orders.count >= 1}\n"
NEW_RUN = {"SHOAL_INCARNATION": "2"}


class Principal:
    """Runs commands of Shoal in this process, as who may do what the plan says of a role."""

    def __init__(self, kafka: SecuredBroker, place: Installation, role: str, **run: str) -> None:
        certificate, key = kafka.client_certificate(role)
        named = {"SHOAL_TLS_CERTIFICATE_FILE": str(certificate), "SHOAL_TLS_KEY_FILE": str(key)}
        self.name = f"User:{role}"
        self.variables = place.environment(**secure(kafka, "mTLS", **named), **run)
        self.settings = read_settings(self.variables)
        self._superuser = place.settings

    async def grant(self, role: str, settings: Settings | None = None) -> None:
        """Let it do what the plan of an installation, its own unless told, has for a role."""
        (found,) = (r for r in roles(settings or self.settings) if r.name == role)
        await grant(self._superuser, self.name, [dataclasses.asdict(acl) for acl in found.acls])

    async def run(self, *words: str) -> tuple[int, str]:
        """What a command ended with, and what it said."""
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables.items():
                patch.setenv(name, value)
            with redirect_stdout(said), redirect_stderr(said):
                code = await asyncio.to_thread(cli.main, words)
        return code, said.getvalue()

    async def write(self, topic: str) -> None:
        """One record, not of Shoal's."""
        producer = new_producer(self.settings)
        await producer.start()
        try:
            await producer.send_and_wait(self.settings.topic(topic), b"{}", b"k", partition=0)
        finally:
            await producer.stop()


@pytest.fixture
def place(kafka: SecuredBroker) -> Iterator[Installation]:
    """With one partition: each has connections of its own, and those take their time."""
    installation = Installation(kafka, partitions=1)
    try:
        yield installation
    finally:
        installation.end()


@pytest.fixture
async def worker(place: Installation, tmp_path: Path) -> WorkerProcess:
    """Comes by the plain listener; it has told of each customer, and refused one record."""
    (tmp_path / "segments.yaml").write_text(SEGMENTS)
    await place.create()
    started = place.start_worker(SHOAL_SEGMENTS=str(tmp_path / "segments.yaml"))
    now_ms = int(time.time() * 1000)
    orders = [event(f"c-{n}", n, now_ms, "Order Completed") for n in range(CUSTOMERS)]
    await place.send("events", [b"no event", *orders])
    await until(lambda: told(place, started))
    return started


async def test_operators_can_do_what_is_theirs_and_no_more(kafka, place, worker, tmp_path):
    operator = Principal(kafka, place, "operator")
    code, said = await operator.run("customer", "c-1")
    assert (code, "let the certificate's subject use them" in said) == (1, True), said
    await operator.grant("operator")
    changed = tmp_path / "changed.yaml"
    changed.write_text(SEGMENTS + "  - {name: twice, purpose: p, enter: orders.count >= 2}\n")
    for words in (
        ("topics", "plan"),
        ("topics", "dump", "--out", str(tmp_path / "log")),
        ("topics", "dump", "--snapshot", "--out", str(tmp_path / "rows")),
        ("customer", "c-1"),
        ("export", "c-1"),
        ("segments", "readiness"),
        ("segments", "forecast"),
        ("segments", "publish", str(changed), "--yes", "--backfill"),
        ("dead-letters", "list"),
        ("dead-letters", "retry", "--all"),
        ("forget", "c-1", "--yes"),
    ):
        code, said = await operator.run(*words)
        assert code == 0, f"{words}: {said}"
    for topic in ("customers-changelog", "segment-changes", "memberships", "clock", "erasures"):
        with pytest.raises(TopicAuthorizationFailedError):
            await operator.write(topic)
    with pytest.raises(PermissionsError):
        await require_permissions(operator.settings)
    code, said = await Principal(kafka, place, "operator", **NEW_RUN).run("rebuild", "start")
    assert (code, "does not let" in said) == (1, True), said
    assert worker.terminate() == 0, worker.log


async def test_rebuilders_can_begin_and_switch_a_run_and_no_more(kafka, place, worker, tmp_path):
    rebuilder = Principal(kafka, place, "rebuilder", **NEW_RUN)
    await rebuilder.grant("rebuilder")
    await rebuilder.grant("worker", place.settings)
    code, said = await rebuilder.run("rebuild", "start")
    assert code == 0, said
    new = place.start_worker(SHOAL_SEGMENTS=str(tmp_path / "segments.yaml"), **NEW_RUN)

    async def has_caught_up() -> bool:
        _, said = await rebuilder.run("rebuild", "status", "--json")
        found = json.loads(said)
        return found["lacks"] == 0 and found["behind_s"] == 0 and found["clock_ms"] > 0

    await until(has_caught_up)
    code, said = await rebuilder.run("rebuild", "switch")
    assert (code, "incarnation 2 serves" in said) == (0, True), said
    assert worker.wait() == 1
    code, said = await rebuilder.run("dead-letters", "list")
    assert (code, "does not let" in said) == (1, True), said
    for topic in ("events", "reference"):
        with pytest.raises(TopicAuthorizationFailedError):
            await rebuilder.write(topic)
    assert new.terminate() == 0, new.log
