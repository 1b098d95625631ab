"""The demo as a user runs it: everything at once, on this machine alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from stream.events.published import decode_change

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)

COMMAND = [sys.executable, "-m", "stream.cli.main", "demo", "--customers", "40", "--days", "3"]


def test_it_tells_changes_and_ends_cleanly_on_interrupt():
    with subprocess.Popen([*COMMAND, "--json"], stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        first = decode_change(demo.stdout.readline().encode())
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read().splitlines()
        assert demo.wait(60) == 0
    summary = json.loads(rest[-1])["summary"]
    assert first.data.segment
    assert summary["changes"] == len(rest)
    assert sum(summary["kinds"].values()) == summary["changes"]
    assert sum(summary["causes"].values()) == summary["changes"]


def test_it_ends_by_itself_when_the_time_is_up():
    done = subprocess.run(
        [*COMMAND, "--seconds", "2"], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Starting")
    assert any(line.startswith("Ran ") and " kinds" in line for line in lines)


@pytest.mark.parametrize("words", [["--seconds", "0"], ["--customers", "0"], ["--rate", "x"]])
def test_an_impossible_shop_is_usage(words: list[str]):
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
