"""How far a restore is: said in the metric, in the log, and to who asks for readiness."""

from __future__ import annotations

import logging

import pytest

from stream.shell import restore_progress
from stream.shell.metrics import Metrics
from stream.shell.restore_progress import RestoreProgress

REMAINING = "shoal_restore_remaining_records"


def remaining(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value(REMAINING, {"partition": "3"})


def test_a_restore_says_how_far_it_is_at_each_step() -> None:
    metrics, heard = Metrics(), []
    progress = RestoreProgress(3, metrics, lambda: heard.append(str(progress)))
    assert str(progress) == "waits for its turn"
    progress.began(4_000_000)
    progress.advanced(3_000_000)
    assert str(progress) == "1,000,000 of 4,000,000 records of its changelog are read (25%)"
    assert remaining(metrics) == 3_000_000
    progress.indexing()
    assert str(progress) == "its changelog is read, timers are being set"
    progress.stepped()
    progress.ended()
    assert str(progress) == "it is restored and reads on"
    assert remaining(metrics) == 0
    assert len(heard) == 5


def test_a_long_one_says_so_in_the_log_with_its_pace(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr(restore_progress.time, "monotonic", lambda: now_s)
    progress = RestoreProgress(3, Metrics(), lambda: None)
    with caplog.at_level(logging.INFO):
        progress.began(1_000)
        progress.advanced(900)
        assert not caplog.records
        now_s += 10.0
        progress.advanced(500)
        progress.advanced(400)
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("partition 3 is being restored: 500 of 1,000 records")
    assert said.endswith("(50%), 50 a second")


def test_a_changelog_with_nothing_in_it_is_read() -> None:
    progress = RestoreProgress(3, Metrics(), lambda: None)
    progress.began(0)
    assert str(progress) == "0 of 0 records of its changelog are read (100%)"
