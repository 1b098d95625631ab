"""One rule for all commands: 0 all is well, 1 something is wrong, 2 called wrongly or unusable."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from stream.shell.embedded import EmbeddedBroker
from tests.cli.test_segments_readiness import ORDERS, write
from tests.deploy.test_compose import variables_that_are_read

GOOD = "- {name: s, title: S, purpose: p, enter: orders.count >= 1, review_by: 2999-01-01}\n"

embedded = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of every kind, and a broker that nobody has started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOAL_BROKER", "127.0.0.1:1")
    write(tmp_path / "events.jsonl", ORDERS)
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "noise.jsonl").write_bytes(b"what\nis\nthis\n")
    (tmp_path / "good.yaml").write_text(GOOD, "utf-8")
    (tmp_path / "bad.yaml").write_text(GOOD.replace("count", "cuont"), "utf-8")
    (tmp_path / "broken.yaml").write_text("- {name: s\n", "utf-8")
    on = GOOD.replace("orders.count >= 1", "cart.items > 0, action: {enabled: true}")
    (tmp_path / "blind.yaml").write_text(on, "utf-8")
    (tmp_path / "map.yaml").write_text("columns: {customer: who, amount: paid, time: when}\n")
    (tmp_path / "orders.csv").write_text("who,paid,when\na,much,2026-01-01\n", "utf-8")
    return tmp_path


RULE = [
    (0, "segments check good.yaml"),
    (0, "segments readiness events.jsonl"),
    (0, "segments backtest events.jsonl --segments good.yaml"),
    (0, "replay events.jsonl --segments good.yaml"),
    (0, "customer u --events events.jsonl --segments good.yaml"),
    (0, "topics plan --offline"),
    # It ran, and something is wrong or not there.
    (1, "segments check good.yaml --strict"),
    (1, "segments readiness events.jsonl --segments blind.yaml --strict"),
    (1, "schemas --check --to ."),
    (1, "customer nobody --events events.jsonl --segments good.yaml"),
    # The broker does not answer.
    (1, "segments readiness"),
    (1, "segments forecast"),
    (1, "customer u"),
    (1, "topics plan"),
    (1, "forget u --yes"),
    (1, "export u"),
    (1, "topics create"),
    (1, "topics dump"),
    (1, "worker"),
    (1, "simulate --customers 5 --days 1 --to kafka"),
    # Called wrongly.
    (2, ""),
    (2, "segmentz"),
    (2, "forget"),
    (2, "forget null --yes"),
    (2, "forget u --lift --suppress --yes"),
    (2, "segments check"),
    (2, "segments readiness events.jsonl --newest many"),
    (2, "segments backtest events.jsonl --from 2026-02-01 --until 2026-01-01"),
    (2, "segments preview events.jsonl --segments good.yaml --sample 3"),
    (2, "simulate --rate 0"),
    (2, "simulate --to shop.jsonl"),
    (2, "broker --port 99999"),
    (2, "worker --processes none"),
    # Given what cannot be used: a file that is not there, is empty, or holds something else.
    *(
        (2, command)
        for file in ("nowhere.jsonl", "noise.jsonl", "empty.jsonl")
        for command in (
            f"segments readiness {file}",
            f"segments backtest {file}",
            f"segments preview {file} --segments good.yaml",
            f"segments diff good.yaml good.yaml {file}",
            f"segments forecast --events {file}",
            f"segments lift {file}",
            f"segments report {file}",
            f"customer u --events {file}",
        )
    ),
    (2, "replay nowhere.jsonl"),
    (2, "replay noise.jsonl"),
    (2, "import orders.csv --map map.yaml --to out.jsonl"),
    (2, "import nowhere.csv --map map.yaml --to out.jsonl"),
    (2, "import orders.csv --map nowhere.yaml --to out.jsonl"),
    *(
        (2, f"{command} {file}")
        for file in ("nowhere.yaml", "bad.yaml", "broken.yaml")
        for command in (
            "segments check",
            "segments list --segments",
            "segments readiness events.jsonl --segments",
            "segments backtest events.jsonl --segments",
            "segments lift events.jsonl --segments",
            "segments report events.jsonl --segments",
            "segments publish --yes",
            "replay events.jsonl --segments",
            "customer u --events events.jsonl --segments",
        )
    ),
]


@pytest.mark.parametrize(("code", "words"), RULE, ids=[f"{words}" for _, words in RULE])
def test_the_code_says_whether_it_is_well_wrong_or_unusable(
    code: int, words: str, here: Path, capsys: pytest.CaptureFixture[str]
):
    found = cli.main(words.split())
    captured = capsys.readouterr()
    assert found == code, captured.err
    assert "Traceback" not in captured.err
    if code == 2 and words:
        assert captured.err.splitlines()[-1].startswith("shoal")


@pytest.mark.parametrize("file", ["bad.yaml", "broken.yaml"])
@pytest.mark.parametrize(
    "words",
    [
        "segments check",
        "segments readiness events.jsonl --segments",
        "replay events.jsonl --segments",
    ],
)
def test_an_error_of_a_definitions_file_says_once_what_to_mend(
    words: str, file: str, here: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.main([*words.split(), file]) == 2
    said = capsys.readouterr().err
    assert said.count("mend") <= 1
    assert ": then " not in said
    assert f"{file}:1: " in said or f"{file}:2: " in said


@pytest.mark.parametrize("name", ["SHOAL_PARTITIONS", "SHOAL_SEGMENTS_AT_START"])
@pytest.mark.parametrize("words", ["worker", "topics plan", "customer u", "segments readiness"])
def test_a_wrong_setting_is_a_wrong_call(
    name: str,
    words: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv(name, "many")
    assert cli.main(words.split()) == 2
    assert f"{name}: 'many'" in capsys.readouterr().err


# -- on a broker -----------------------------------------------------------------------------------


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as found:
        monkeypatch.setenv("SHOAL_BROKER", found.address)
        monkeypatch.setenv("SHOAL_HTTP_PORT", "0")
        yield found


@embedded
def test_the_plan_ends_by_saying_whether_the_broker_has_it(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def last_line(code: int, *words: str) -> str:
        assert cli.main(["topics", *words]) == code
        return capsys.readouterr().out.splitlines()[-1]

    assert last_line(0, "plan", "--offline") == "not compared with a broker (--offline)"
    missing = last_line(1, "plan")
    assert missing.startswith(f"13 of 13 topics are not as they must be at {broker.address}; ")
    assert cli.main(["topics", "create"]) == 0
    capsys.readouterr()
    assert last_line(0, "plan") == f"ok: {broker.address} has all 13 topics as they must be"
    monkeypatch.setenv("SHOAL_PARTITIONS", "5")
    assert "topics are not as they must be" in last_line(1, "plan")
    assert "has 8 partitions, the settings say 5" in last_line(1, "create")


def started(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stream.cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@embedded
def test_a_worker_refuses_a_definitions_file_that_does_not_hold(
    broker: EmbeddedBroker, here: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SHOAL_BROKER", broker.address)
    for words in ((), ("--processes", "2")):
        with started("worker", "--segments", "bad.yaml", *words) as worker:
            said, _ = worker.communicate(timeout=60)
        assert worker.returncode == 2, said
        assert "bad.yaml:1: " in said
        assert "did you mean orders.count?" in said


@embedded
def test_a_worker_and_its_parent_say_when_they_have_ended(broker: EmbeddedBroker):
    with started("worker", "--processes", "1") as worker:
        assert worker.stdout is not None
        for line in worker.stdout:
            if "partitions of it" in line or "restored from" in line:
                break
        worker.send_signal(signal.SIGTERM)
        said = worker.stdout.read().splitlines()
    assert worker.returncode == 0, said
    (own,) = [line for line in said if "ended as asked" in line]
    assert own.startswith("process=0 ")
    assert "1 processes have ended in good order" in said[-1]


@embedded
@pytest.mark.parametrize(
    ("number", "interrupt"),
    [
        (signal.SIGTERM, signal.default_int_handler),
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_IGN),  # what `&` in a script leaves to its commands
    ],
)
def test_a_live_shop_says_what_it_sent_and_that_it_was_ended(
    number: signal.Signals, interrupt: Any, broker: EmbeddedBroker
):
    assert cli.main(["topics", "create"]) == 0
    words = ["simulate", "--rate", "50", "--customers", "6000", "--to", "kafka"]
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        begun = started(*words)
    finally:
        signal.signal(signal.SIGINT, before)
    with begun as shop:
        wait_for_events(broker)
        shop.send_signal(number)
        said, _ = shop.communicate(timeout=60)
    assert shop.returncode == 0, said
    last = said.splitlines()[-1]
    assert last == f"ended by signal: sent to the topic events at {broker.address}"


def wait_for_events(broker: EmbeddedBroker) -> None:
    """Ask until the topic has some, which the readiness command says by its code."""
    for _ in range(300):
        if cli.main(["segments", "readiness", "--json"]) == 0:
            return
    raise TimeoutError("nothing was sent")


def test_a_shop_in_a_file_says_where_it_is(here: Path, capsys: pytest.CaptureFixture[str]):
    small = ["simulate", "--customers", "60", "--days", "1"]
    assert cli.main([*small, "--out", "shop.jsonl"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "done: written to shop.jsonl"
    assert cli.main([*small, "--out", "shop.jsonl", "--json"]) == 0
    (only,) = capsys.readouterr().err.splitlines()
    assert json.loads(only)["events"] > 0


def test_a_file_that_is_given_as_a_broker_is_told_its_option(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["simulate", "--to", "shop.jsonl"]) == 2
    assert "a file is named by --out shop.jsonl" in capsys.readouterr().err


# -- the help --------------------------------------------------------------------------------------


def test_the_worker_names_every_setting_that_is_read(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["worker", "--help"]) == 0
    said = set(capsys.readouterr().out.replace(",", " ").replace(".", " ").split())
    families = tuple(word.rstrip("*") for word in said if word.endswith("_*"))
    known = variables_that_are_read() - {"SHOAL_HTTP_SOCKET"}  # a parent's word to its children
    assert len(known) > 25
    assert {name for name in known if not name.startswith(families)} <= said
