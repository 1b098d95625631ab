import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aiokafka import conn
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

from stream.shell.aiokafka_private import HeedingAuthenticator
from stream.shell.connection import client_settings
from stream.shell.environment import SECRET_BYTES_MAX
from stream.shell.oauth import LIFE_USED_RATIO, TokenError, Tokens, expiry_s, token_provider
from stream.shell.security import OAuth, Security
from stream.shell.settings import SettingError, Settings, read_settings
from tests.kafka.secured import PASSWORD, USER, unsecured_token
from tests.kafka.token_endpoint import TokenEndpoint

AUTHORITY = trustme.CA()


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


@pytest.fixture
def endpoint(tmp_path: Path):
    issued = AUTHORITY.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "endpoint.pem", tmp_path / "endpoint.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    served = TokenEndpoint(certificate, key, certificate, lives_s=100)
    yield served
    served.close()


@pytest.fixture
def oauth(endpoint: TokenEndpoint, ca_file: str) -> OAuth:
    return OAuth(token_url=endpoint.url, client_id=USER, client_secret=PASSWORD, ca_file=ca_file)


async def test_a_token_is_kept_until_most_of_its_life_is_over(endpoint, oauth):
    now_s = [1_000.0]
    tokens = Tokens(oauth, lambda: now_s[0])
    first = await tokens.token()
    now_s[0] += 100 * LIFE_USED_RATIO - 1
    assert await tokens.token() == first
    assert endpoint.asked == 1
    now_s[0] += 2
    second = await tokens.token()
    assert endpoint.asked == 2
    assert expiry_s(second) > expiry_s(first)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"client_secret": "canary-wrong"}, r"refuses with HTTP 401 \(invalid_client\); check"),
        ({"ca_file": None}, "does not answer .*CERTIFICATE_VERIFY_FAILED.*; check it and its CA"),
        ({"token_url": "https://127.0.0.1:1/token"}, "does not answer .*refused"),
    ],
    ids=["secret", "authority", "nobody"],
)
async def test_an_endpoint_that_gives_none_is_named_without_the_secret(oauth, changes, says):
    with pytest.raises(TokenError, match=says) as caught:
        await Tokens(replace(oauth, **changes)).token()
    assert "SHOAL_OAUTH_TOKEN_URL: https://127.0.0.1:" in str(caught.value)
    assert "canary" not in str(caught.value)
    # What the client does with one: it tries again, as with a broker that is away.
    assert isinstance(caught.value, KafkaConnectionError)


@pytest.mark.parametrize(
    ("status", "content", "says"),
    [
        (302, {}, "refuses with HTTP 302"),  # not followed: the secret is for this place alone
        (200, {}, "answers with no access_token"),
        (200, {"access_token": 1}, "access_token that is none"),
        (200, {"access_token": "a\x01b"}, "access_token that is none"),
        (200, {"access_token": "a", "expires_in": "soon"}, "answers with no access_token"),
    ],
)
async def test_an_answer_that_holds_no_token_is_refused(
    endpoint, oauth, monkeypatch, status, content, says
):
    monkeypatch.setattr(endpoint, "answer", lambda *_: (status, content))
    with pytest.raises(TokenError, match=says):
        await Tokens(oauth).token()
    assert endpoint.asked == 1


async def test_a_file_is_read_anew_each_time(tmp_path):
    file = tmp_path / "token"
    tokens = Tokens(OAuth(token_file=str(file)))
    for text in ("opaque-1", unsecured_token(60), "opaque-2\n"):
        file.write_text(text)
        assert await tokens.token() == text.strip()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("", "is empty"),
        ("canary one\ncanary two", "holds no token"),
        ("canary-é", "holds no token"),
        ("x" * (SECRET_BYTES_MAX + 1), "has more than"),
        (unsecured_token(-1), "expired at .*; write a new one into it"),
    ],
    ids=["absent", "empty", "two lines", "no token", "large", "expired"],
)
async def test_a_file_without_a_valid_token_says_what_is_wrong_and_not_what_it_holds(
    tmp_path, text, says
):
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
    with pytest.raises(TokenError, match=says) as caught:
        await Tokens(OAuth(token_file=str(file))).token()
    assert "canary" not in str(caught.value)
    assert not text or text not in str(caught.value)


async def test_a_token_that_the_broker_refuses_is_heard_of():
    """The answer is without an error code: aiokafka's own authenticator takes it for a welcome."""
    provider = token_provider(OAuth(token_file="/nowhere"))
    assert conn.OAuthAuthenticator is HeedingAuthenticator
    heeding = HeedingAuthenticator(sasl_oauth_token_provider=provider)
    with pytest.raises(SaslAuthenticationFailed, match="invalid_token"):
        await heeding.step(b'{"status":"invalid_token"}')
    heeding._token_sent = True
    assert await heeding.step(b"") is None


def test_all_clients_of_a_process_have_one_provider(ca_file):
    oauth = OAuth(token_file="/nowhere")
    security = Security("SASL_SSL", "OAUTHBEARER", ca_file=ca_file, oauth=oauth)
    first, second = (client_settings(Settings(security=security)) for _ in range(2))
    assert first["sasl_oauth_token_provider"] is second["sasl_oauth_token_provider"]
    assert "sasl_plain_password" not in first


BASE = {"SHOAL_SECURITY_PROTOCOL": "SASL_SSL", "SHOAL_SASL_MECHANISM": "OAUTHBEARER"}


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "needs one of SHOAL_OAUTH_TOKEN_FILE and SHOAL_OAUTH_TOKEN_URL"),
        ({"SHOAL_OAUTH_TOKEN_URL": "http://idp/token"}, "is no https://HOST/PATH"),
        ({"SHOAL_OAUTH_TOKEN_URL": "https://u:canary@idp/token"}, "holds a name or a password"),
        ({"SHOAL_OAUTH_TOKEN_URL": "https://idp/token"}, "needs SHOAL_OAUTH_CLIENT_ID and"),
    ],
)
def test_settings_without_a_way_to_a_token_are_refused(variables, says):
    with pytest.raises(SettingError, match=says) as caught:
        read_settings(BASE | variables)
    assert "canary" not in str(caught.value)


def test_a_secret_comes_from_the_variable_or_its_file_and_not_from_both(tmp_path):
    file = tmp_path / "secret"
    file.write_text("canary with blanks \n")
    sasl = {"SHOAL_SECURITY_PROTOCOL": "SASL_SSL", "SHOAL_SASL_USERNAME": "u"}
    by_file = sasl | {"SHOAL_SASL_PASSWORD_FILE": str(file)}
    found = read_settings(by_file)
    assert found.security.password == "canary with blanks "
    assert "canary" not in repr(found)
    with pytest.raises(SettingError, match="keep one") as caught:
        read_settings(by_file | {"SHOAL_SASL_PASSWORD": "canary"})
    assert "canary" not in str(caught.value)
    file.write_text("\n")
    with pytest.raises(SettingError, match="is empty"):
        read_settings(by_file)


def test_files_of_certificates_are_tried_when_the_settings_are_read(tmp_path, ca_file):
    issued = AUTHORITY.issue_cert("shoal@example.org")
    certificate, key, junk = (tmp_path / name for name in ("c.pem", "c.key", "junk"))
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    junk.write_text("no certificate")
    tls = {
        "SHOAL_SECURITY_PROTOCOL": "SSL",
        "SHOAL_TLS_CA_FILE": ca_file,
        "SHOAL_TLS_CERTIFICATE_FILE": str(certificate),
        "SHOAL_TLS_KEY_FILE": str(key),
    }
    context = read_settings(tls).security.ssl_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    for variable, says in {
        "SHOAL_TLS_CA_FILE": "SHOAL_TLS_CA_FILE: .*junk holds no certificate in PEM",
        "SHOAL_TLS_CERTIFICATE_FILE": "SHOAL_TLS_CERTIFICATE_FILE: .* cannot be used",
        "SHOAL_TLS_KEY_FILE": "SHOAL_TLS_CERTIFICATE_FILE: .* cannot be used",
    }.items():
        with pytest.raises(SettingError, match=says):
            read_settings(tls | {variable: str(junk)})
    del tls["SHOAL_TLS_CERTIFICATE_FILE"]
    with pytest.raises(SettingError, match="needs SHOAL_TLS_CERTIFICATE_FILE beside it"):
        read_settings(tls)
