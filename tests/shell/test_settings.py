import re

import pytest

from stream.shell.settings import SettingError, Settings, read_settings


def test_nothing_set_gives_the_defaults():
    assert read_settings({}) == Settings()


def test_everything_comes_from_its_variable(tmp_path):
    segments = tmp_path / "segments.yaml"
    segments.write_text("segments: []")
    found = read_settings(
        {
            "SHOAL_BROKER": "a:9092,b:9093",
            "SHOAL_APP": "acme",
            "SHOAL_PARTITIONS": "16",
            "SHOAL_SHOP": "acme-de",
            "SHOAL_SEGMENTS": str(segments),
            "SHOAL_HTTP_PORT": "0",
            "SHOAL_TOPIC_PREFIX": "acme.",
            "SHOAL_EVENTS_TOPIC": "clickstream",
            "SHOAL_SESSION_TIMEOUT_MS": "6000",
            "SHOAL_CREATE_TOPICS": "1",
        }
    )
    assert (found.broker, found.app, found.shop) == ("a:9092,b:9093", "acme", "acme-de")
    assert (found.partitions, found.http_port, found.session_timeout_ms) == (16, 0, 6000)
    assert (found.segments, found.create_topics) == (segments, True)
    assert found.topic("events") == "acme.clickstream"
    assert found.topic("clock") == "acme.clock"


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("SHOAL_PARTITIONS", "eight", "'eight' is not a whole number"),
        ("SHOAL_PARTITIONS", "0", "0 is not from 1 to 1024"),
        ("SHOAL_HTTP_PORT", "65536", "65536 is not from 0 to 65535"),
        ("SHOAL_STALL_S", "14", "14 is not from 15 to 86400"),
        ("SHOAL_BROKER", "localhost", "'localhost' is not host:port"),
        ("SHOAL_BROKER", "a:1,b", "'b' is not host:port"),
        ("SHOAL_SEGMENTS", "/no/such.yaml", "there is no file '/no/such.yaml'"),
        ("SHOAL_DELIVERY", "once", "'once' is none of auto, transactional, plain"),
        ("SHOAL_APP", "a b", "may have letters, digits"),
        ("SHOAL_SECURITY_PROTOCOL", "TLS", "is none of PLAINTEXT, SSL"),
        ("SHOAL_CREATE_TOPICS", "yes", "is none of 1, 0, true, false"),
    ],
)
def test_a_wrong_value_names_its_variable_and_what_it_may_be(variable, value, says):
    with pytest.raises(SettingError, match=re.escape(says)) as caught:
        read_settings({variable: value})
    assert caught.value.variable == variable
    assert str(caught.value).startswith(f"{variable}: ")


def test_rows_on_disk_need_a_folder(tmp_path):
    with pytest.raises(SettingError, match="SHOAL_STORE_DIR: SHOAL_STORE=rocksdb needs a folder"):
        read_settings({"SHOAL_STORE": "rocksdb"})
    found = read_settings({"SHOAL_STORE": "rocksdb", "SHOAL_STORE_DIR": str(tmp_path)})
    assert found.store_folder == tmp_path
    assert found.store_cache_bytes == 256 << 20
    assert read_settings({"SHOAL_STORE_DIR": str(tmp_path)}).store_folder is None


def test_a_worker_waits_longer_than_a_dead_one_keeps_its_partitions():
    variables = {"SHOAL_SESSION_TIMEOUT_MS": "60000", "SHOAL_STALL_S": "60"}
    with pytest.raises(SettingError, match=r"60 s are over before .* of 60000 ms"):
        read_settings(variables)
    assert read_settings(variables | {"SHOAL_STALL_S": "61"}).stall_s == 61


def test_a_standby_keeps_stores_and_so_needs_them():
    with pytest.raises(SettingError, match="SHOAL_STANDBY: keeps local stores up"):
        read_settings({"SHOAL_STANDBY": "1"})


def test_sasl_needs_a_name_and_a_password():
    with pytest.raises(SettingError, match="SHOAL_SASL_USERNAME and SHOAL_SASL_PASSWORD"):
        read_settings({"SHOAL_SECURITY_PROTOCOL": "SASL_SSL", "SHOAL_SASL_USERNAME": "u"})


def test_a_password_is_not_sent_in_clear_unless_somebody_says_so():
    sasl = {
        "SHOAL_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SHOAL_SASL_USERNAME": "u",
        "SHOAL_SASL_PASSWORD": "s3cret",
    }
    with pytest.raises(SettingError, match="unencrypted"):
        read_settings(sasl)
    found = read_settings({**sasl, "SHOAL_ALLOW_PLAINTEXT_PASSWORD": "1"})
    assert found.security.password == "s3cret"


def test_a_password_comes_from_a_file_and_is_never_shown(tmp_path):
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    found = read_settings(
        {
            "SHOAL_SECURITY_PROTOCOL": "SASL_SSL",
            "SHOAL_SASL_USERNAME": "u",
            "SHOAL_SASL_PASSWORD_FILE": str(secret),
        }
    )
    assert found.security.password == "s3cret"
    assert "s3cret" not in repr(found)


def test_tls_verifies_certificates():
    context = read_settings({"SHOAL_SECURITY_PROTOCOL": "SSL"}).security.ssl_context()
    assert context is not None
    assert context.check_hostname
    assert read_settings({}).security.ssl_context() is None
