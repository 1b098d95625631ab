"""The settings that deploy/ names for production, and what they promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trustme

from stream.events.topics import MESSAGE_BYTES_MAX
from stream.shell import connection
from stream.shell.http_tokens import new_token
from stream.shell.settings import SettingError, Settings, read_settings
from stream.shell.topic_admin import REPLICATION_WANTED

TEXT = (Path(__file__).parents[2] / "deploy" / "production.env").read_text(encoding="utf-8")
LINES = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
GIVEN = dict(line.split("=", 1) for line in LINES)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables, with files that are there."""
    files = {name: tmp_path / name for name in GIVEN if name.endswith("_FILE")}
    for file in files.values():
        file.write_text("a-secret-of-32-characters-or-more-in-one-line\n")
    trustme.CA().cert_pem.write_to_path(files["SHOAL_TLS_CA_FILE"])
    files["SHOAL_HTTP_TOKENS_FILE"].write_text(new_token("p", frozenset(["metrics"]))[1].line)
    return GIVEN | {name: str(file) for name, file in files.items()}


def read(environment: dict[str, str]) -> Settings | None:
    """The settings; None where they are refused."""
    try:
        return read_settings(environment)
    except SettingError:
        return None


def test_each_of_them_is_read_and_means_something(environment):
    whole = read_settings(environment)
    usual = {"SHOAL_SASL_MECHANISM"}
    for name in environment.keys() - usual:
        assert read({n: v for n, v in environment.items() if n != name}) != whole, name


def test_no_secret_stands_among_them():
    secrets = {name for name in GIVEN if re.search("PASSWORD|SECRET|KEY|TOKEN", name)}
    assert len(secrets) == 3
    assert {name for name in secrets if not name.endswith("_FILE")} == set()
    assert {GIVEN[name].rpartition("/")[0] for name in secrets} == {"/run/secrets"}


def test_a_broker_may_fail_and_nothing_that_was_committed_is_lost(environment, monkeypatch):
    settings = read_settings(environment)
    assert settings.replication == REPLICATION_WANTED == 3
    assert settings.security.protocol == "SASL_SSL"
    monkeypatch.setattr(connection, "AIOKafkaProducer", dict)
    assert connection.new_producer(settings, "an-id")["acks"] == "all"
    assert f"message.max.bytes={MESSAGE_BYTES_MAX}" in TEXT
    for needed in ("min.insync.replicas=2", "transaction.state.log.min.isr=2"):
        assert needed in TEXT
