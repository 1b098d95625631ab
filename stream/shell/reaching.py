"""Why the broker cannot be reached, in one sentence, and what to do about it.

aiokafka tries every address, logs each error, and raises one that no longer says what was wrong:
then each address is tried once more here, and its error is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from stream.shell.connection import client_settings
from stream.shell.oauth import TokenError
from stream.shell.security import OAUTHBEARER, Security
from stream.shell.settings import Settings

ASK_TIMEOUT_MS = 5_000
CLOSE_TIMEOUT_S = 0.2
"""A connection that was never there has no end to wait for."""

_WRONG_NAME: Final = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""

_EXPIRED: Final = 10
"""X509_V_ERR_CERT_HAS_EXPIRED."""

Advice = tuple[str, str]
"""What is wrong, and what to do."""


async def why_unreachable(settings: Settings) -> Advice:
    """Try every address once; of several errors the one that more than a start would mend."""
    found: list[tuple[str, Exception]] = []
    for address in settings.broker.split(","):
        error = await _error_at(settings, address.strip())
        if error is None:
            return f"the broker {address} did not answer, and does now", "try again"
        found.append((address.strip(), error))
    found.sort(key=lambda pair: _is_absence(pair[1]))
    address, error = found[0]
    what, then = advice(error, settings.security)
    return f"the broker {address} {what}", then


async def _error_at(settings: Settings, address: str) -> Exception | None:
    values = client_settings(settings)
    del values["bootstrap_servers"]
    values["request_timeout_ms"] = ASK_TIMEOUT_MS
    host, _, port = address.rpartition(":")
    connection = AIOKafkaConnection(host.strip("[]"), int(port), **values)
    try:
        await connection.connect()
        # With TLS 1.3 the broker looks at our certificate only after the connection is there.
        await connection.send(MetadataRequest([]))
    except (OSError, KafkaError, TimeoutError) as error:
        return error
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(connection.close(), CLOSE_TIMEOUT_S)
    return None


def advice(error: Exception, security: Security) -> Advice:
    """What an error of a connection says of the settings."""
    cause = error.__cause__
    match error:
        case TokenError():
            what, _, then = str(error.args[0]).rpartition("; ")
            found = f"was not asked: {what}", then
        case ssl.SSLCertVerificationError():
            found = _of_its_certificate(error, security)
        case _ if isinstance(cause, ssl.SSLError):
            found = _of_our_certificate(cause, security)
        case SaslAuthenticationFailed():
            found = _of_credentials(error, security)
        case UnsupportedSaslMechanismError():
            found = (
                f"does not know {security.mechanism} at this port",
                "set SHOAL_SASL_MECHANISM to one that the listener has",
            )
        case IllegalSaslStateError():
            found = (
                "asks for no password or token at this port",
                "use the port of its SASL listener, or SHOAL_SECURITY_PROTOCOL=SSL or PLAINTEXT",
            )
        case _ if _is_absence(error):
            said = getattr(error, "strerror", None) or type(error).__name__
            found = f"does not answer ({said})", "start it, or set SHOAL_BROKER"
        case ssl.SSLError() | ConnectionError() if security.has_tls:
            found = (
                "speaks no TLS at this port",
                "use the port of its TLS listener, or SHOAL_SECURITY_PROTOCOL=PLAINTEXT",
            )
        case _:
            found = (
                "closes the connection at once",
                f"see whether SHOAL_SECURITY_PROTOCOL={security.protocol} is what it speaks there",
            )
    return found


def _is_absence(error: Exception) -> bool:
    """Whether nobody was there, as opposed to somebody who refused."""
    if isinstance(error, ssl.SSLError | ConnectionResetError | ConnectionAbortedError):
        return False
    return isinstance(error, OSError | TimeoutError | asyncio.TimeoutError) and not isinstance(
        error, KafkaConnectionError
    )


def _of_its_certificate(error: ssl.SSLCertVerificationError, security: Security) -> Advice:
    said = error.verify_message
    if error.verify_code in _WRONG_NAME:
        return f"shows a certificate of another name ({said})", "set SHOAL_BROKER to that name"
    if error.verify_code == _EXPIRED:
        return "shows a certificate that has expired", "renew it on the broker"
    whom = "this machine trusts" if security.ca_file is None else f"{security.ca_file} names"
    return (
        f"shows a certificate that is not signed by an authority that {whom} ({said})",
        "set SHOAL_TLS_CA_FILE to the certificate of the authority that has signed it",
    )


def _of_our_certificate(cause: ssl.SSLError, security: Security) -> Advice:
    if security.certificate_file is None:
        return (
            "wants a certificate of its clients",
            "set SHOAL_TLS_CERTIFICATE_FILE and SHOAL_TLS_KEY_FILE",
        )
    said = (cause.reason or "").lower().replace("_", " ")
    return (
        f"does not accept the certificate {security.certificate_file} ({said})",
        "set SHOAL_TLS_CERTIFICATE_FILE to one that is valid and that its authority has signed",
    )


def _of_credentials(error: Any, security: Security) -> Advice:
    if security.mechanism == OAUTHBEARER:
        return (
            f"refuses the token ({_said(error)})",
            "see that it is meant for this broker, has not expired, and names the right subject",
        )
    return (
        f"refuses {security.principal} by {security.mechanism}: unknown, or a wrong password",
        "correct SHOAL_SASL_USERNAME and SHOAL_SASL_PASSWORD or _FILE",
    )


def _said(error: Any) -> str:
    """The broker's code for what is wrong with a token, such as invalid_token."""
    text = str(error.args[0]) if error.args else ""
    try:
        return str(json.loads(text)["status"])[:80]
    except (ValueError, TypeError, KeyError):
        return text[:80] or "no further word"
