"""An installation on a secured broker, and the ways in which its processes come to that."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import pytest

from tests.kafka.installation import Installation, WorkerProcess
from tests.kafka.secured import (
    PASSWORD,
    USER,
    SecuredBroker,
    discard_folder,
    new_secured_broker,
    unsecured_token,
)
from tests.kafka.token_endpoint import TokenEndpoint

CUSTOMERS = 40


@cache
def _shared_broker() -> SecuredBroker:
    broker = new_secured_broker()
    atexit.register(discard_folder, broker)
    broker.start()
    return broker


@pytest.fixture(scope="session")
def kafka() -> SecuredBroker:
    """A secured broker that every test may use and none may stop."""
    return _shared_broker()


@pytest.fixture
def place(kafka: SecuredBroker) -> Iterator[Installation]:
    """An installation of its own on that; its workers end with the test."""
    installation = Installation(kafka)
    try:
        yield installation
    finally:
        installation.end()


def secure(
    kafka: SecuredBroker, way: str, endpoint: TokenEndpoint | None = None, **changes: str
) -> dict[str, str]:
    """The environment of a process that comes this way, as User:shoal."""
    variables = {
        "SHOAL_BROKER": kafka.sasl_address,
        "SHOAL_SECURITY_PROTOCOL": "SASL_SSL",
        "SHOAL_SASL_MECHANISM": way.split(" ", maxsplit=1)[0],
        "SHOAL_TLS_CA_FILE": str(kafka.ca_file),
    }
    certificate, key = kafka.client_certificate()
    file = kafka.folder / "secret"
    if way == "mTLS":
        variables |= {
            "SHOAL_BROKER": kafka.mtls_address,
            "SHOAL_SECURITY_PROTOCOL": "SSL",
            "SHOAL_SASL_MECHANISM": "",
            "SHOAL_TLS_CERTIFICATE_FILE": str(certificate),
            "SHOAL_TLS_KEY_FILE": str(key),
        }
    elif way == "OAUTHBEARER file":
        file.write_text(unsecured_token(600))
        variables |= {"SHOAL_OAUTH_TOKEN_FILE": str(file)}
    elif way == "OAUTHBEARER endpoint":
        file.write_text(PASSWORD)
        variables |= {
            "SHOAL_OAUTH_TOKEN_URL": endpoint.url,
            "SHOAL_OAUTH_CLIENT_ID": USER,
            "SHOAL_OAUTH_CLIENT_SECRET_FILE": str(file),
            "SHOAL_OAUTH_CA_FILE": str(kafka.ca_file),
        }
    else:
        file.write_text(PASSWORD + "\n")
        variables |= {"SHOAL_SASL_USERNAME": USER, "SHOAL_SASL_PASSWORD_FILE": str(file)}
    return variables | changes


def command(place: Installation, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream.cli.main", *words],
        env=place.environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def planned(place: Installation, role: str) -> list[dict[str, str]]:
    """The ACLs that the plan has for a role."""
    done = command(place, "topics", "plan", "--offline", "--json")
    assert done.returncode == 0, done.stderr
    (found,) = (r for r in json.loads(done.stdout)["access"] if r["role"] == role)
    return found["acls"]


async def told(place: Installation, worker: WorkerProcess) -> bool:
    assert worker.is_alive, worker.log
    return len({r.key for r in await place.read("segment-changes")}) == CUSTOMERS
