"""What `shoal replay` says, in the oracle's words."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from stream.cli import main as cli
from tests.oracle.membership import JOURNEY, Change
from tests.oracle.reading import instant_ms

JUDGED = frozenset({*JOURNEY, "abandoned_cart", "abandoned_checkout", "abandoned_browse"})
"""Segments that the oracle knows; the others have their stories in tests/segments/test_pack_*."""


def is_judged(segment: str) -> bool:
    """Whether the oracle knows the segment."""
    return segment in JUDGED


def replayed(events: Path, until: str, folder: Path) -> tuple[list[Change], dict[str, set[str]]]:
    """All changes and the final members that the oracle can judge."""
    changes, members = folder / "changes.jsonl", folder / "members.jsonl"
    outs = ["--changes", str(changes), "--members", str(members), "--json"]
    assert cli.main(["replay", str(events), "--until", until, *outs]) == 0
    told = [_change(json.loads(line)) for line in changes.read_text("utf-8").splitlines()]
    lines = [json.loads(line) for line in members.read_text("utf-8").splitlines()]
    final = {line["customer"]: set(filter(is_judged, line["segments"])) for line in lines}
    return [change for change in told if is_judged(change.segment)], final


def differences(expected: list[Change], found: list[Change]) -> list[tuple[str, Change]]:
    """Changes that one of the two lacks, by customer and time."""
    one, other = Counter(expected), Counter(found)
    missing = [("missing", change) for change in (one - other).elements()]
    extra = [("extra", change) for change in (other - one).elements()]
    return sorted(missing + extra, key=lambda each: each[1])


def _change(event: dict[str, Any]) -> Change:
    entered = event["type"] == "shoal.segment.entered"
    return Change(event["subject"], instant_ms(event["time"]), event["data"]["segment"], entered)
