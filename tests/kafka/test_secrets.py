"""What must not be read by who reads logs, metrics, answers, arguments or headers."""

import contextlib
import json
import time
from pathlib import Path

import pytest

from stream.shell.http_tokens import hash_of
from tests.kafka.installation import event, until
from tests.kafka.secured import PASSWORD, WORKER, grant, revoke
from tests.kafka.ways import CUSTOMERS, command, kafka, place, planned, secure, told

pytestmark = pytest.mark.kafka

__all__ = ["kafka", "place"]


async def test_no_secret_and_nobodys_data_is_in_what_a_worker_says(kafka, place, tmp_path):
    """Logs at their most talkative, metrics, health, errors, arguments, dead letters' headers."""
    await place.create()
    await grant(place.settings, WORKER, planned(place, "worker"))
    secrets = {name: f"canary-{name}" for name in ("scrape", "probe")}
    hashes = tmp_path / "hashes"
    hashes.write_text(
        "".join(
            f"{name} {scope} {hash_of(secrets[name])}\n"
            for name, scope in (("scrape", "metrics"), ("probe", "health"))
        )
    )
    talkative = {"SHOAL_LOG_LEVEL": "DEBUG", "SHOAL_DEBUG": "1"}
    way = secure(kafka, "SCRAM-SHA-512", SHOAL_HTTP_TOKENS_FILE=str(hashes), **talkative)
    worker = place.start_worker(**way)
    now_ms = int(time.time() * 1000)
    await place.send("events", people(now_ms))
    await until(lambda: told(place, worker))
    dead = await until(lambda: place.read("dead-letters"))
    assert len(dead) == 3
    said = [repr(record.headers) for record in dead]
    pages = {
        "/metrics": ("scrape", 200), "/readyz": ("probe", 200), "/livez": ("scrape", 403),
    }  # fmt: skip
    for page, (name, status) in pages.items():
        found, body = worker.get(page, secrets[name])
        assert found == status, body
        assert worker.get(page)[0] == 401
        said += [body, worker.get(page)[1]]
    assert listening(worker.pid) == {worker.port()}
    said.append(arguments(worker.pid))
    # Its right to write is taken from it while it works: it ends, and says so.
    for acl in planned(place, "worker"):
        if acl["resource"] == "transactional-id":
            await revoke(place.settings, WORKER, acl)
    await place.send("events", people(now_ms + 1_000))
    assert worker.wait() == 1
    assert "TransactionalIdAuthorization" in worker.log
    said.append(worker.log)
    for changes in ({"SHOAL_SASL_USERNAME": "nobody"}, {"SHOAL_SASL_PASSWORD": PASSWORD}):
        done = command(place, "worker", **way | changes)
        assert done.returncode != 0
        said += [done.stdout, done.stderr]
    assert "canary" not in "\n".join(said)


def people(now_ms: int) -> list[bytes]:
    """Events of customers with canary ids and addresses, and three that are broken."""
    good = [event(f"canary-{n}@example.org", n, now_ms) for n in range(CUSTOMERS)]
    who = json.dumps({"type": "identify", "userId": "canary-1@example.org"}).encode()
    return [
        *good,
        who[:-1] + b', "traits": {"email": "canary-mail@example.org", "canary-name": 1}}',
        who[:-1] + b', "traits": "canary-trait"}',
        who[:-1] + b', "traits": {"canary-key": "\\ud800"}}',
        who[:-9],
    ]


def arguments(pid: int) -> str:
    """What every user of the machine can read of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text()


def listening(pid: int) -> set[int]:
    """Ports that a process listens on, as the kernel knows them."""
    sockets = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            sockets.add(str(handle.readlink()))
    ports = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = row.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                ports.add(int(words[1].rpartition(":")[2], 16))
    return ports
