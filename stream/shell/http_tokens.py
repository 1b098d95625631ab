"""Who may ask the HTTP pages: bearer tokens with scopes, kept as hashes in a file.

A line of the file is a token's name, its scopes and its hash:

    prometheus metrics sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

A token has 256 random bits, so that a plain hash of it cannot be guessed. The file is read anew
when it has changed: a token is renewed by adding the new one, and later taking the old one out.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import secrets
from dataclasses import dataclass
from pathlib import Path

from stream.shell.environment import SettingError

METRICS, HEALTH = "metrics", "health"
SCOPES = (METRICS, HEALTH)
"""What a token may be for: /metrics; /livez and /readyz."""

TOKEN_BYTES = 32
TOKENS_MAX = 100
FILE_BYTES_MAX = 64 << 10
PRESENTED_MAX = 256
"""Characters of a token that is shown; a longer one is none of ours."""

VARIABLE = "SHOAL_HTTP_TOKENS_FILE"

_HASH = "sha256:"
_HASH_CHARACTERS = len(_HASH) + 64

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is known: its hash, never itself."""

    name: str
    scopes: frozenset[str]
    digest: str

    @property
    def line(self) -> str:
        """As the file has it."""
        return f"{self.name} {','.join(sorted(self.scopes))} {self.digest}"


class HttpTokens:
    """The tokens of a file.

    Raises
    ------
    SettingError
        When it is made: the file cannot be used. Later on a file that cannot be used changes
        nothing.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = _stamp(file)
        self._tokens = read_tokens(file)

    def scopes(self, presented: str) -> frozenset[str] | None:
        """What a token that is shown is for; None: it is not known.

        Every token is compared, in constant time each: how long it takes tells nothing.
        """
        self._reread()
        digest, found = hash_of(presented[:PRESENTED_MAX]), None
        for token in self._tokens:
            if hmac.compare_digest(token.digest, digest):
                found = token.scopes
        return found

    def _reread(self) -> None:
        stamp = _stamp(self._file)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._tokens = read_tokens(self._file)
        except SettingError as error:
            logger.error("%s; the tokens that were known stay in force", error)


def read_tokens(file: Path) -> tuple[Token, ...]:
    """The tokens of a file.

    Raises
    ------
    SettingError
        Names the line, and shows nothing of it.
    """
    try:
        content = file.read_bytes()[: FILE_BYTES_MAX + 1]
        text = content.decode("ascii")
    except OSError as error:
        raise SettingError(VARIABLE, f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingError(VARIABLE, f"{file} is not plain text") from None
    lines = [line.split() for line in text.splitlines()]
    if len(content) > FILE_BYTES_MAX or sum(map(bool, lines)) > TOKENS_MAX:
        raise SettingError(VARIABLE, f"{file} has more than {TOKENS_MAX} tokens; take some out")
    return tuple(
        _token(file, number, words)
        for number, words in enumerate(lines, 1)
        if words and not words[0].startswith("#")
    )


def new_token(name: str, scopes: frozenset[str]) -> tuple[str, Token]:
    """A new token, to be shown once, and what to keep of it."""
    text = secrets.token_urlsafe(TOKEN_BYTES)
    return text, Token(name, scopes, hash_of(text))


def hash_of(token: str) -> str:
    """What stands for a token in the file."""
    return _HASH + hashlib.sha256(token.encode(errors="replace")).hexdigest()


def require_tokens_off_loopback(host: str, file: Path | None) -> None:
    """Refuse to be asked by other machines without tokens.

    Raises
    ------
    SettingError
        The host is not this machine's loopback, and there is no file of tokens.
    """
    if file is None and not is_loopback(host):
        raise SettingError(
            "SHOAL_HTTP_HOST",
            f"{host[:60]} can be reached by others, so tokens are needed: make them with `shoal "
            f"tokens create` and set {VARIABLE}, or listen on 127.0.0.1",
        )
    if file is not None:
        read_tokens(file)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> [is_loopback(h) for h in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", "myhost")]
    [True, True, True, False, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _token(file: Path, number: int, words: list[str]) -> Token:
    problem = None
    if len(words) != 3:
        problem = "is not NAME SCOPES sha256:HASH"
    elif not set(words[1].split(",")) <= set(SCOPES):
        problem = f"has a scope that is none of {', '.join(SCOPES)}"
    elif not words[2].startswith(_HASH) or len(words[2]) != _HASH_CHARACTERS:
        problem = "does not end in sha256: and 64 digits; a token itself must not stand there"
    if problem is not None:
        raise SettingError(VARIABLE, f"{file}:{number}: {problem}")
    return Token(words[0], frozenset(words[1].split(",")), words[2])


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
