import hashlib
import hmac
import re
import stat
from pathlib import Path

import pytest
from aiohttp import ClientSession

from stream.cli.main import main
from stream.shell import http_tokens
from stream.shell.health import HealthServer
from stream.shell.http_tokens import HttpTokens
from stream.shell.metrics import Metrics
from stream.shell.settings import SettingError, Settings, read_settings


def line(name: str, scopes: str, token: str) -> str:
    return f"{name} {scopes} sha256:{hashlib.sha256(token.encode()).hexdigest()}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(
        "# whose, for what, and the hash\n\n"
        + line("prometheus", "metrics", "canary-scrape")
        + line("probe", "health", "canary-probe")
        + line("ops", "health,metrics", "canary-ops")
    )
    return path


@pytest.fixture
async def server(file: Path):
    tokens = HttpTokens(file)
    served = HealthServer(("127.0.0.1", 0), Metrics().registry, list, list, tokens)
    await served.start()
    yield served
    await served.stop()


async def ask(
    server: HealthServer, path: str, shown: str | None = None
) -> tuple[int, str, str | None]:
    host, port = server.address
    headers = {} if shown is None else {"Authorization": shown}
    url = f"http://{host}:{port}{path}"
    async with ClientSession(headers=headers) as session, session.get(url) as answer:
        return answer.status, await answer.text(), answer.headers.get("WWW-Authenticate")


@pytest.mark.parametrize(
    "shown",
    [
        None,
        "Bearer",
        "Bearer ",
        "Bearer canary-scrap",
        "Bearer canary-scrapes",
        "Basic canary-scrape",
        "canary-scrape",
        "Bearer " + "x" * 5_000,
        "Bearer sha256:" + hashlib.sha256(b"canary-scrape").hexdigest(),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/table/"])
async def test_who_shows_no_token_that_is_known_is_told_nothing(server, path, shown):
    status, body, challenge = await ask(server, path, shown)
    assert (status, challenge) == (401, 'Bearer realm="shoal"')
    assert "Authorization: Bearer TOKEN" in body
    assert "canary" not in body
    assert "shoal_" not in body


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [
        ("canary-scrape", "/metrics", 200),
        ("canary-scrape", "/livez", 403),
        ("canary-scrape", "/readyz", 403),
        ("canary-probe", "/metrics", 403),
        ("canary-probe", "/livez", 200),
        ("canary-probe", "/readyz", 200),
        ("canary-ops", "/metrics", 200),
        ("canary-ops", "/readyz", 200),
        ("canary-ops", "/table/", 404),
    ],
)
async def test_a_token_opens_the_pages_of_its_scopes(server, token, path, status):
    found, body, challenge = await ask(server, path, f"Bearer {token}")
    assert found == status
    if status == 403:
        assert 'error="insufficient_scope"' in (challenge or "")
        assert "it needs the scope" in body


async def test_a_file_that_has_changed_counts_from_then_on_and_one_that_is_broken_does_not(
    server, file, caplog
):
    file.write_text(line("new", "metrics", "canary-new"))
    assert (await ask(server, "/metrics", "Bearer canary-new"))[0] == 200
    assert (await ask(server, "/metrics", "Bearer canary-scrape"))[0] == 401
    file.write_text("new metrics canary-written-in-clear\n")
    assert (await ask(server, "/metrics", "Bearer canary-new"))[0] == 200
    assert "a token itself must not stand there" in caplog.text
    assert "canary" not in caplog.text


def test_every_token_is_compared_in_constant_time(file, monkeypatch):
    compared, compare = [], hmac.compare_digest

    def counted(one: str, other: str) -> bool:
        compared.append(one)
        return compare(one, other)

    monkeypatch.setattr(http_tokens.hmac, "compare_digest", counted)
    tokens = HttpTokens(file)
    assert tokens.scopes("canary-scrape") == {"metrics"}
    assert tokens.scopes("nobody") is None
    assert len(compared) == 6


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prometheus metrics", "tokens:1: is not NAME SCOPES sha256:HASH"),
        (line("a", "admin", "t"), "tokens:1: has a scope that is none of metrics, health"),
        ("a metrics canary-in-clear", "tokens:1: does not end in sha256:"),
        ("a metrics sha256:12", "tokens:1: does not end in sha256:"),
        ("é", "is not plain text"),
        (line("a", "metrics", "t") * 101, "has more than 100 tokens"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_without_showing_it(tmp_path, text, says):
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(SettingError, match=re.escape(says)) as caught:
        read_settings({"SHOAL_HTTP_TOKENS_FILE": str(file)})
    assert caught.value.variable == "SHOAL_HTTP_TOKENS_FILE"
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "worker-1.example.org"])
def test_off_loopback_tokens_are_needed(file, host):
    with pytest.raises(SettingError, match="so tokens are needed") as caught:
        read_settings({"SHOAL_HTTP_HOST": host})
    assert caught.value.variable == "SHOAL_HTTP_HOST"
    found = read_settings({"SHOAL_HTTP_HOST": host, "SHOAL_HTTP_TOKENS_FILE": str(file)})
    assert (found.http_host, found.http_tokens) == (host, file)


def test_what_is_served_is_served_on_loopback_unless_told_otherwise():
    assert Settings().http_host == "127.0.0.1"
    assert read_settings({"SHOAL_HTTP_HOST": "::1"}).http_tokens is None


def test_a_token_is_shown_once_and_only_its_hash_is_kept(tmp_path, capsys):
    file, out = tmp_path / "hashes", tmp_path / "probe.token"
    words = ["tokens", "create", "--file", str(file), "--scope"]
    assert main([*words, "metrics", "prometheus"]) == 0
    token = capsys.readouterr().out.strip()
    assert len(token) >= 43  # 256 bits in base64
    assert main([*words, "health", "probe", "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    kept = file.read_text()
    assert token not in kept
    assert out.read_text().strip() not in kept
    tokens = HttpTokens(file)
    assert tokens.scopes(token) == {"metrics"}
    assert tokens.scopes(out.read_text().strip()) == {"health"}
    for path in (file, out):
        assert stat.S_IMODE(path.stat().st_mode) & 0o137 == 0
    assert main([*words, "health", "probe"]) == 1
    assert main([*words, "health", "probe", "--unless-there"]) == 0
    assert file.read_text() == kept
