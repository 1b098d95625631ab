"""Every command over event files says which lines it left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.cli import main as cli

GOOD = (
    '{"type": "track", "event": "Product Added", "userId": "c", "messageId": "1", '
    '"timestamp": "2026-03-02T00:00:00Z", "properties": {"product_id": "p"}}'
)


@pytest.mark.parametrize(
    "words",
    [
        ("replay", "FILE"),
        ("segments", "lift", "FILE"),
        ("segments", "report", "FILE"),
        ("segments", "report", "--demand", "FILE"),
        ("segments", "backtest", "FILE"),
        ("segments", "forecast", "--events", "FILE"),
        ("customer", "c", "--events", "FILE"),
    ],
)
def test_what_is_left_out_is_said_with_its_place(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(f"{GOOD}\nnot json\n")
    assert cli.main([str(file) if word == "FILE" else word for word in words]) == 0
    said = capsys.readouterr().err.replace("\n", "")
    assert "not_json" in said
    assert f"{file}:2: " in said
    file.write_text(f"{GOOD}\n")
    assert cli.main([str(file) if word == "FILE" else word for word in words]) == 0
    assert "rejected" not in capsys.readouterr().err
