"""backtest, preview and diff over a dump of the customer log."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from tests.cli.dumps import dump
from tests.engine.lane import BUILT_IN
from tests.engine.recorded import recording

EAGER = BUILT_IN.replace(b"loyal_orders: 5", b"loyal_orders: 2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week under the built-in pack, from its middle on with loyalty after two orders."""
    found = tmp_path_factory.mktemp("log")
    dump(recording(1, 3), found / "log.jsonl")
    (found / "eager.yaml").write_bytes(EAGER)
    return found


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert cli.main(["segments", *words, "--log", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_backtest_of_a_log_is_of_the_definitions_that_were_in_force(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    found = asked(capsys, "backtest", str(folder / "log.jsonl"))
    told = [json.loads(line) for line in recording(1, 3).changes]
    turns = Counter((c["data"]["segment"], c["type"].rpartition(".")[2]) for c in told)
    for figures in found["segments"]:
        segment = figures["segment"]
        assert figures["entries"] == turns[segment, "entered"]
        assert figures["exits"] == turns[segment, "exited"]
    assert found["lines"] == sum(map(len, recording(1, 3).logs))
    assert found["customers"] > 20  # who has bought


def test_a_preview_of_a_log_is_as_if_they_had_been_in_force_all_along(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    """Live they came into force in the middle, and the end is the same."""
    log, eager = str(folder / "log.jsonl"), str(folder / "eager.yaml")
    (loyal,) = asked(capsys, "preview", log, "--segments", eager, "--segment", "loyal")["segments"]
    as_it_was = asked(capsys, "backtest", log, "--segment", "loyal")["segments"][0]
    assert loyal["members"] == as_it_was["members"] > 0
    assert sum(loyal["size"][:4]) > sum(as_it_was["size"][:4])


def test_a_diff_over_a_log_replays_it_twice(folder: Path, capsys: pytest.CaptureFixture[str]):
    log, eager = str(folder / "log.jsonl"), str(folder / "eager.yaml")
    found = asked(capsys, "diff", "built-in", eager, log)
    segments = {each["segment"]: each for each in found["segments"]}
    assert {"loyal", "regular"} <= {n for n, d in segments.items() if d["joins"] or d["leaves"]}
    assert segments["loyal"]["joins"] == segments["regular"]["leaves"] > 0
    assert found["settings"] == {"loyal_orders": {"old": 5, "new": 2}}
