"""A real Kafka that asks who is there: TLS, every way of SASL, client certificates, and ACLs.

Certificates are made for each run. Nobody may do anything but who comes by the plain listener,
which is the tests' own: what a principal may, a test grants first.
"""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import trustme
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from stream.shell.connection import new_admin
from stream.shell.settings import Settings
from tests.kafka.broker import Broker, free_ports

USER, PASSWORD = "shoal", "canary-s3cret"
"""One principal, `User:shoal`, by whichever way it comes."""

WORKER = f"User:{USER}"

_PROPERTIES = """listeners=PLAINTEXT://{plain},CONTROLLER://{controller},SASL://{sasl},MTLS://{mtls}
advertised.listeners=PLAINTEXT://{plain},SASL://{sasl},MTLS://{mtls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
listener.name.mtls.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^.*CN=([^,]+).*$/$1/,DEFAULT
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl.plain.sasl.jaas.config=\\
 org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl.scram-sha-256.sasl.jaas.config=\\
 org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=\\
 org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.oauthbearer.sasl.jaas.config=\\
 org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
listener.name.sasl.oauthbearer.connections.max.reauth.ms=3600000
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


class SecuredBroker(Broker):
    """One broker with listeners for every way of coming in."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca_file)
        self.sasl_address = self.mtls_address = ""

    def client_certificate(
        self, user: str = USER, *, of_a_stranger: bool = False
    ) -> tuple[Path, Path]:
        """A certificate for a user and its key; of a stranger: by another authority."""
        authority = trustme.CA() if of_a_stranger else self._authority
        issued = authority.issue_cert(f"{user}@example.org", common_name=user)
        name = "stranger" if of_a_stranger else f"client-{user}"
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return certificate, key

    def strange_ca(self) -> Path:
        """The certificate of an authority that has signed nothing here."""
        file = self.folder / "strange-ca.pem"
        trustme.CA().cert_pem.write_to_path(file)
        return file

    def certificate_of(self, host: str) -> tuple[Path, Path, Path]:
        """Certificate, key and authority of another server, such as a token endpoint."""
        issued = self._authority.issue_cert(host)
        certificate, key = self.folder / f"{host}.pem", self.folder / f"{host}.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return certificate, key, self.ca_file

    def more_properties(self, controller: int) -> str:
        sasl, mtls = free_ports(2)
        self.sasl_address, self.mtls_address = f"localhost:{sasl}", f"localhost:{mtls}"
        keystore = self.folder / "broker.pem"
        issued = self._authority.issue_cert("localhost")
        certificates = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
        keystore.write_bytes(_pkcs8(issued.private_key_pem.bytes()) + certificates)
        return _PROPERTIES.format(
            plain=self.address,
            controller=f"127.0.0.1:{controller}",
            sasl=self.sasl_address,
            mtls=self.mtls_address,
            keystore=keystore,
            authority=self.ca_file,
            user=USER,
            password=PASSWORD,
        )

    def format_words(self) -> list[str]:
        words = []
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            words += ["--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]"]
        return words


def new_secured_broker() -> SecuredBroker:
    """A secured broker in a new folder, not yet started."""
    return SecuredBroker(Path(tempfile.mkdtemp(prefix="shoal-kafka-")))


def unsecured_token(lives_s: float, subject: str = USER) -> str:
    """A JWT without a signature, as Kafka's own validator for development takes it."""
    now_s = time.time()
    claims = {"sub": subject, "iat": now_s - 10, "exp": now_s + lives_s}
    parts = [{"alg": "none"}, claims]
    coded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*coded, ""])


def _pkcs8(key: bytes) -> bytes:
    """A private key in the one form that Java reads."""
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return load_pem_private_key(key, None).private_bytes(*form)


_RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {
    "Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8,
    "ClusterAction": 9, "DescribeConfigs": 10, "AlterConfigs": 11, "IdempotentWrite": 12,
}  # fmt: skip
"""Kafka's numbers: org.apache.kafka.common.resource.ResourceType and so on."""

_ALLOW = 3


async def grant(settings: Settings, principal: str, acls: Iterable[dict[str, str]]) -> None:
    """Let a principal do what the entries say, as `shoal topics plan --json` has them."""
    for acl in acls:
        await _ask(settings, CreateAclsRequest(*_entry(principal, acl)))


async def revoke(settings: Settings, principal: str, acl: dict[str, str]) -> None:
    """Take one entry back."""
    answer = await _ask(settings, DeleteAclsRequest(*_entry(principal, acl)))
    assert len(answer.filter_responses[0][2]) == 1, answer


def _entry(principal: str, acl: dict[str, str]) -> tuple[Any, ...]:
    resource, pattern = _RESOURCES[acl["resource"]], _PATTERNS[acl["pattern"]]
    return (resource, acl["name"], pattern, principal, "*", _OPERATIONS[acl["operation"]], _ALLOW)


async def _ask(settings: Settings, request: Any) -> Any:
    admin = new_admin(settings)
    await admin.start()
    try:
        answer = await admin._send_request(request)
    finally:
        await admin.close()
    return answer


def discard_folder(broker: SecuredBroker) -> None:
    broker.kill()
    shutil.rmtree(broker.folder, ignore_errors=True)
