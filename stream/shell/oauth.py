"""Tokens for SASL's OAUTHBEARER: from a file, or from an endpoint by client credentials.

A file is read anew for each connection: something else renews it (a sidecar, a mounted secret). An
endpoint is asked over https, without following redirects, and its token is kept until most of its
life is over. One provider serves every client of the process, in whichever thread and loop.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from stream.clock import rfc3339
from stream.shell.aiokafka_private import hear_refused_tokens
from stream.shell.environment import SECRET_BYTES_MAX, SettingError, read_secret
from stream.shell.security import OAuth, verifying_context

LIFE_USED_RATIO = 0.8
"""Of a token's life that is used, as Kafka's own clients do: the rest is for asking anew."""

LIFE_UNKNOWN_S = 60.0
"""How long a token is kept whose endpoint does not say how long it lives."""

ASK_TIMEOUT_S = 10.0

JWT_PARTS = 3


class TokenError(KafkaConnectionError):  # type: ignore[misc]
    """There is no token to show; says why and what to do. The client tries again, as for a broker
    that is away.
    """


class Tokens(AbstractTokenProvider):  # type: ignore[misc]
    """The provider that aiokafka asks for each new connection.

    Parameters
    ----------
    now_s, wall_s
        Seconds that only go on, and seconds since 1970.
    """

    def __init__(
        self,
        oauth: OAuth,
        now_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._oauth = oauth
        self._now_s = now_s
        self._wall_s = wall_s
        self._lock = threading.Lock()
        self._kept: tuple[str, float] | None = None

    async def token(self) -> str:
        """A token that is valid now.

        Raises
        ------
        TokenError
            The file or the endpoint has none.
        """
        return await asyncio.to_thread(self._token)

    def _token(self) -> str:
        if self._oauth.token_file is not None:
            return self._from_file(Path(self._oauth.token_file))
        with self._lock:
            if self._kept is None or self._now_s() >= self._kept[1]:
                self._kept = self._from_endpoint()
            return self._kept[0]

    def _from_file(self, file: Path) -> str:
        try:
            token = read_secret("SHOAL_OAUTH_TOKEN_FILE", file).strip()
        except SettingError as error:
            raise TokenError(str(error)) from None
        if not token.isascii() or not token.isprintable() or " " in token:
            raise TokenError(f"SHOAL_OAUTH_TOKEN_FILE: {file} holds no token; write one line")
        expires_s = expiry_s(token)
        if expires_s is not None and expires_s <= self._wall_s():
            raise TokenError(
                f"SHOAL_OAUTH_TOKEN_FILE: the token in {file} expired at "
                f"{rfc3339(int(expires_s * 1000))}; write a new one into it"
            )
        return token

    def _from_endpoint(self) -> tuple[str, float]:
        oauth = self._oauth
        asked_s = self._now_s()
        place = f"SHOAL_OAUTH_TOKEN_URL: {oauth.token_url}"
        try:
            status, body = _ask(oauth)
        except (OSError, HTTPException) as error:
            raise TokenError(f"{place} does not answer ({error}); check it and its CA") from None
        if status != HTTPStatus.OK:
            raise TokenError(
                f"{place} refuses with HTTP {status}{_oauth_error(body)}; check "
                "SHOAL_OAUTH_CLIENT_ID, its secret and SHOAL_OAUTH_SCOPE"
            )
        try:
            answer = json.loads(body)
            token, lives = answer["access_token"], answer.get("expires_in")
            lives_s = LIFE_UNKNOWN_S if lives is None else float(lives)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise TokenError(f"{place} answers with no access_token; is it a token URL?") from None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise TokenError(f"{place} answers with an access_token that is none")
        return token, asked_s + LIFE_USED_RATIO * lives_s


@lru_cache(maxsize=8)
def token_provider(oauth: OAuth) -> Tokens:
    """The provider of these settings: the same for all clients, so that they share its token."""
    hear_refused_tokens()
    return Tokens(oauth)


def expiry_s(token: str) -> float | None:
    """When a token that is a JWT ends, in seconds since 1970; None: it does not say, or is none.

    Its signature is the broker's to check.

    >>> expiry_s("eyJhbGciOiJub25lIn0.eyJleHAiOjE2MDAwMDAwMDB9.")
    1600000000.0
    >>> expiry_s("opaque") is None
    True
    """
    parts = token.split(".")
    if len(parts) != JWT_PARTS:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _ask(oauth: OAuth) -> tuple[int, bytes]:
    """Status and body of the endpoint's answer to a request by client credentials."""
    assert oauth.token_url is not None
    assert oauth.client_id is not None
    assert oauth.client_secret is not None
    url = urlsplit(oauth.token_url)
    form = {"grant_type": "client_credentials"}
    if oauth.scope is not None:
        form["scope"] = oauth.scope
    # Both are form-encoded before they are put together (RFC 6749, section 2.3.1).
    pair = f"{quote(oauth.client_id, safe='')}:{quote(oauth.client_secret, safe='')}"
    headers = {
        "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    context = verifying_context("SHOAL_OAUTH_CA_FILE", oauth.ca_file)
    connection = HTTPSConnection(
        url.hostname or "", url.port, timeout=ASK_TIMEOUT_S, context=context
    )
    try:
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("POST", target, urlencode(form), headers)
        answer = connection.getresponse()
        return answer.status, answer.read(SECRET_BYTES_MAX)
    finally:
        connection.close()


def _oauth_error(body: bytes) -> str:
    """The endpoint's code for what is wrong, such as invalid_client; nothing else of its answer."""
    try:
        code: Any = json.loads(body)["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    known = isinstance(code, str) and code.replace("_", "").isalpha()
    return f" ({code[:40]})" if known else ""
