"""How the broker is reached: TLS, certificates, passwords and tokens, read and checked at start.

Secrets come from a file (`SHOAL_SASL_PASSWORD_FILE`) or from the environment, never from the
command line, which every user of a machine can read; nothing here shows them.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from stream.shell.environment import Environment, SettingError, one_of

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT")
OAUTHBEARER = "OAUTHBEARER"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", OAUTHBEARER)

ANONYMOUS = "User:ANONYMOUS"
"""Whom a broker takes everybody for that it does not ask."""


@dataclass(frozen=True, slots=True)
class OAuth:
    """Where a token of OAuth comes from: a file that something else renews, or an endpoint.

    `token_url` is asked by the client-credentials grant (RFC 6749, section 4.4), over https alone.
    """

    token_file: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    scope: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Security:
    """How to reach the broker: SASL and TLS.

    `protocol` is PLAINTEXT, SSL, SASL_SSL or SASL_PLAINTEXT, as Kafka names them. A certificate of
    our own (mTLS) is shown wherever there is TLS.
    """

    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    key_password: str | None = field(default=None, repr=False)
    oauth: OAuth = OAuth()

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted and the broker's certificate verified."""
        return self.protocol in {"SSL", "SASL_SSL"}

    @property
    def has_sasl(self) -> bool:
        """Whether a name and a password, or a token, are shown."""
        return self.protocol.startswith("SASL")

    @property
    def principal(self) -> str:
        """Whom the broker takes us for, as far as can be said here."""
        if self.has_sasl and self.mechanism != OAUTHBEARER:
            return f"User:{self.username}"
        if self.has_sasl:
            return "the token's subject"
        return "the certificate's subject" if self.certificate_file else ANONYMOUS

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS context, certificates verified; None where the protocol has no TLS.

        Raises
        ------
        SettingError
            A file holds no certificate or key, or they do not fit each other.
        """
        if not self.has_tls:
            return None
        context = verifying_context("SHOAL_TLS_CA_FILE", self.ca_file)
        if self.certificate_file is not None:
            # Without a word to answer with, OpenSSL would ask the terminal for it.
            word = self.key_password or ""
            try:
                context.load_cert_chain(self.certificate_file, self.key_file, lambda: word)
            except (OSError, ValueError) as error:
                raise SettingError(
                    "SHOAL_TLS_CERTIFICATE_FILE",
                    f"{self.certificate_file} with {self.key_file or 'its own key'} cannot be used "
                    f"({_reason(error)}); give a PEM certificate, its PEM key in SHOAL_TLS_KEY_FILE"
                    ", and SHOAL_TLS_KEY_PASSWORD_FILE where that is encrypted",
                ) from None
        return context


def verifying_context(variable: str, ca_file: str | None) -> ssl.SSLContext:
    """A context that verifies certificate and name, by this machine's CAs or by those of a file."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise SettingError(
            variable, f"{ca_file} holds no certificate in PEM ({_reason(error)})"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def read_security(read: Environment) -> Security:
    """What the environment says, checked as far as that needs no broker.

    Raises
    ------
    SettingError
        Names the variable and what to do.
    """
    security = Security(
        protocol=read.text("SECURITY_PROTOCOL", "PLAINTEXT", one_of(*PROTOCOLS)),
        mechanism=read.text("SASL_MECHANISM", Security().mechanism, one_of(*MECHANISMS)),
        username=read.optional("SASL_USERNAME", str),
        password=read.secret("SASL_PASSWORD"),
        ca_file=read.path("TLS_CA_FILE"),
        certificate_file=read.path("TLS_CERTIFICATE_FILE"),
        key_file=read.path("TLS_KEY_FILE"),
        key_password=read.secret("TLS_KEY_PASSWORD"),
        oauth=OAuth(
            token_file=read.path("OAUTH_TOKEN_FILE"),
            token_url=read.optional("OAUTH_TOKEN_URL", _https),
            client_id=read.optional("OAUTH_CLIENT_ID", str),
            client_secret=read.secret("OAUTH_CLIENT_SECRET"),
            scope=read.optional("OAUTH_SCOPE", str),
            ca_file=read.path("OAUTH_CA_FILE"),
        ),
    )
    _require_credentials(security)
    if security.protocol == "SASL_PLAINTEXT" and not read.flag("ALLOW_PLAINTEXT_PASSWORD"):
        raise SettingError(
            "SHOAL_SECURITY_PROTOCOL",
            "SASL_PLAINTEXT sends the password or the token unencrypted; use SASL_SSL, or permit "
            "that with SHOAL_ALLOW_PLAINTEXT_PASSWORD=1",
        )
    security.ssl_context()
    return security


def _require_credentials(security: Security) -> None:
    oauth = security.oauth
    if security.key_file is not None and security.certificate_file is None:
        raise SettingError("SHOAL_TLS_KEY_FILE", "needs SHOAL_TLS_CERTIFICATE_FILE beside it")
    if not security.has_sasl:
        return
    if security.mechanism != OAUTHBEARER:
        if None in {security.username, security.password}:
            raise SettingError(
                "SHOAL_SECURITY_PROTOCOL",
                "SASL needs SHOAL_SASL_USERNAME and SHOAL_SASL_PASSWORD or _FILE",
            )
        return
    if (oauth.token_file is None) == (oauth.token_url is None):
        raise SettingError(
            "SHOAL_SASL_MECHANISM",
            "OAUTHBEARER needs one of SHOAL_OAUTH_TOKEN_FILE and SHOAL_OAUTH_TOKEN_URL",
        )
    if oauth.token_url is not None and None in {oauth.client_id, oauth.client_secret}:
        raise SettingError(
            "SHOAL_OAUTH_TOKEN_URL",
            "needs SHOAL_OAUTH_CLIENT_ID and SHOAL_OAUTH_CLIENT_SECRET or _FILE",
        )


def _https(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("is no https://HOST/PATH; a secret is sent there, so it must be encrypted")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a name or a password; use SHOAL_OAUTH_CLIENT_ID and _SECRET_FILE")
    return text


def _reason(error: Exception) -> str:
    """What OpenSSL says, without its own file and line."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or type(error).__name__).lower().replace("_", " ")
