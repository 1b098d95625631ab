"""TLS, passwords, tokens, certificates and ACLs on a real broker: whole workers, and commands."""

import dataclasses
import subprocess
import time

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TransactionalIdAuthorizationFailed,
)

from stream.cli.broker_failure import explained
from stream.shell.access import READER_GROUP, worker_acls
from stream.shell.connection import client_settings
from stream.shell.delivery_choice import has_transactions
from stream.shell.permissions import PermissionsError, require_permissions
from stream.shell.settings import Settings, read_settings
from stream.shell.topic_admin import inspect_topics, require_topics
from tests.kafka.installation import Installation, event, until
from tests.kafka.secured import PASSWORD, WORKER, SecuredBroker, grant, revoke, unsecured_token
from tests.kafka.token_endpoint import TokenEndpoint
from tests.kafka.ways import CUSTOMERS, command, kafka, place, planned, secure, told

__all__ = ["kafka", "place"]

pytestmark = pytest.mark.kafka


@pytest.fixture
def endpoint(kafka):
    served = TokenEndpoint(*kafka.certificate_of("127.0.0.1"))
    try:
        yield served
    finally:
        served.close()


MORE_WAYS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER file")
"""What clients do these ways is tested below, and a worker by SCRAM-SHA-512 in test_secrets.py; all
of them only where there is time."""


@pytest.mark.parametrize(
    "way",
    [
        "OAUTHBEARER endpoint",
        "mTLS",
        *(pytest.param(way, marks=pytest.mark.chaos) for way in MORE_WAYS),
    ],
)
async def test_a_worker_works_with_what_the_plan_allows_it_by_every_way(
    place, kafka, endpoint, way
):
    await place.create()
    await grant(place.settings, WORKER, planned(place, "worker"))
    worker = place.start_worker(**secure(kafka, way, endpoint))
    now_ms = int(time.time() * 1000)
    await place.send("events", [event(f"c-{n}", n, now_ms) for n in range(CUSTOMERS)])
    await until(lambda: told(place, worker))
    assert {r.key for r in await place.read("memberships")} == {
        f"c-{n}".encode() for n in range(CUSTOMERS)
    }
    assert worker.terminate() == 0, worker.log
    assert PASSWORD not in worker.log
    assert endpoint.asked <= 1, "one token serves all clients of a process"


REFUSED = {
    "wrong password": (
        "SCRAM-SHA-512",
        {"SHOAL_SASL_PASSWORD_FILE": "", "SHOAL_SASL_PASSWORD": "canary-wrong"},
        (
            "refuses User:shoal by SCRAM-SHA-512: unknown, or a wrong password; "
            "correct SHOAL_SASL_USERNAME and SHOAL_SASL_PASSWORD or _FILE"
        ),
    ),
    "untrusted authority": (
        "PLAIN",
        {"SHOAL_TLS_CA_FILE": "{strange_ca}"},
        (
            "shows a certificate that is not signed by an authority that {strange_ca} names "
            "(unable to get local issuer certificate); set SHOAL_TLS_CA_FILE to"
        ),
    ),
    "wrong name": (
        "PLAIN",
        {"SHOAL_BROKER": "{numeric}"},
        (
            "shows a certificate of another name (IP address mismatch, certificate is not valid "
            "for '127.0.0.1'.); set SHOAL_BROKER to that name"
        ),
    ),
    "expired token": (
        "OAUTHBEARER file",
        {"SHOAL_OAUTH_TOKEN_FILE": "{expired}"},
        "write a new one into it",
    ),
    "refused token": (
        "OAUTHBEARER file",
        {"SHOAL_OAUTH_TOKEN_FILE": "{opaque}"},
        "refuses the token (invalid_token); see that it is meant for this broker",
    ),
    "no certificate": (
        "mTLS",
        {"SHOAL_TLS_CERTIFICATE_FILE": "", "SHOAL_TLS_KEY_FILE": ""},
        "wants a certificate of its clients; set SHOAL_TLS_CERTIFICATE_FILE and SHOAL_TLS_KEY_FILE",
    ),
    "a stranger's certificate": (
        "mTLS",
        {"SHOAL_TLS_CERTIFICATE_FILE": "{certificate}", "SHOAL_TLS_KEY_FILE": "{key}"},
        "does not accept the certificate {certificate}",
    ),
    "no TLS": (
        "PLAIN",
        {"SHOAL_SECURITY_PROTOCOL": "PLAINTEXT"},
        "closes the connection at once; see whether SHOAL_SECURITY_PROTOCOL=PLAINTEXT is what",
    ),
    "TLS where there is none": (
        "PLAIN",
        {"SHOAL_BROKER": "{plain}"},
        "speaks no TLS at this port; use the port of its TLS listener",
    ),
    "a password where none is asked for": (
        "PLAIN",
        {
            "SHOAL_BROKER": "{mtls}",
            "SHOAL_TLS_CERTIFICATE_FILE": "{own_certificate}",
            "SHOAL_TLS_KEY_FILE": "{own_key}",
        },
        "asks for no password or token at this port; use the port of its SASL listener",
    ),
}


def known_places(kafka: SecuredBroker) -> dict[str, str]:
    certificate, key = kafka.client_certificate(of_a_stranger=True)
    own_certificate, own_key = kafka.client_certificate()
    expired, opaque = kafka.folder / "expired", kafka.folder / "opaque"
    expired.write_text(unsecured_token(-60))
    opaque.write_text("canary-opaque")
    return {
        "strange_ca": str(kafka.strange_ca()),
        "numeric": kafka.sasl_address.replace("localhost", "127.0.0.1"),
        "expired": str(expired),
        "opaque": str(opaque),
        "certificate": str(certificate),
        "key": str(key),
        "own_certificate": str(own_certificate),
        "own_key": str(own_key),
        "plain": kafka.address,
        "mtls": kafka.mtls_address,
    }


@pytest.mark.parametrize("case", REFUSED)
async def test_who_is_refused_is_told_why_and_what_to_do(kafka, place, case):
    way, changes, expected = REFUSED[case]
    places = known_places(kafka)
    changed = {name: value.format(**places) for name, value in changes.items()}
    settings = read_settings(place.environment(**secure(kafka, way, **changed)))
    with pytest.raises(KafkaError) as caught:
        await inspect_topics(settings)
    said = "; ".join(await explained(settings, caught.value))
    assert expected.format(**places) in said
    assert "\n" not in said
    assert "canary" not in said


def test_a_worker_that_is_refused_ends_with_that_line_alone(kafka, place):
    worker = place.start_worker(**secure(kafka, "SCRAM-SHA-512", SHOAL_SASL_USERNAME="nobody"))
    assert worker.wait() == 1
    (line,) = worker.log.splitlines()
    assert line == (
        f"shoal worker: the broker {kafka.sasl_address} refuses User:nobody by SCRAM-SHA-512: "
        "unknown, or a wrong password; correct SHOAL_SASL_USERNAME and SHOAL_SASL_PASSWORD or _FILE"
    )


async def test_without_any_one_of_its_acls_a_worker_does_not_start_and_names_it(kafka, place):
    await place.create()
    settings = read_settings(place.environment(**secure(kafka, "SCRAM-SHA-256")))
    acls = [dataclasses.asdict(acl) for acl in worker_acls(settings)]
    await grant(place.settings, WORKER, acls)
    await _start(settings)
    assert len(acls) > 25
    for acl in acls:
        await revoke(place.settings, WORKER, acl)
        if acl["resource"] == "transactional-id":
            with pytest.raises(TransactionalIdAuthorizationFailed):
                await _start(settings)
        else:
            with pytest.raises(PermissionsError, match=f"{WORKER} .*{acl['operation']} ") as caught:
                await _start(settings)
            assert f"{acl['resource']} {acl['name']}" in str(caught.value)
        await grant(place.settings, WORKER, [acl])
    await _start(settings)


async def _start(settings: Settings) -> None:
    """The worker's own steps up to where it has asked for all that it needs."""
    assert await has_transactions(settings)
    await require_permissions(settings)
    await require_topics(settings)


async def test_readers_importers_and_creators_can_do_what_is_theirs_and_no_more(
    kafka, place, tmp_path
):
    way = secure(kafka, "PLAIN")
    assert command(place, "topics", "create", **way).returncode == 1
    await grant(place.settings, WORKER, planned(place, "creator"))
    created = command(place, "topics", "create", **way)
    assert created.returncode == 0, created.stderr
    history = tmp_path / "events.jsonl"
    history.write_bytes(event("c-1", 1, int(time.time() * 1000)) + b"\n")
    refused = simulated(place, way)
    assert refused.returncode == 1
    assert f"does not let {WORKER} use a topic that it needs" in refused.stderr
    await grant(place.settings, WORKER, planned(place, "importer"))
    sent = simulated(place, way)
    assert sent.returncode == 0, sent.stderr
    assert len(await place.read("events")) > 10
    with pytest.raises(GroupAuthorizationFailedError):
        await _read_changes(place, way)
    await grant(place.settings, WORKER, planned(place, "reader"))
    assert await _read_changes(place, way) == {}


def simulated(place: Installation, way: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = ("simulate", "--customers", "60", "--days", "1", "--to", "kafka")
    return command(place, *words, **way)


async def _read_changes(place: Installation, way: dict[str, str]) -> object:
    """Read as a connector does, in a group of its own."""
    settings = read_settings(place.environment(**way))
    consumer = AIOKafkaConsumer(
        place.topic("segment-changes"),
        **client_settings(settings),
        group_id=f"{READER_GROUP}{settings.app}-mail",
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        return await consumer.getmany(timeout_ms=300)
    finally:
        await consumer.stop()
