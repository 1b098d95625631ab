"""An imported history, replayed, against the batch oracle: every change, to the millisecond."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from stream.cli import main as cli
from tests.oracle.membership import changes_until, members_at
from tests.oracle.reading import instant_ms
from tests.oracle.replayed import differences, replayed

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("file", "map_name", "until", "stages"),
    [
        ("CDNOW_sample.txt", "cdnow", "1998-12-01", {"lapsed", "at_risk", "won_back", "loyal"}),
        (
            "online_retail_2010-12_2011-03.csv.gz",
            "online_retail",
            "2011-06-01",
            {"new_visitor", "new_customer", "one_time_buyer", "regular", "at_risk"},
        ),
    ],
)
def test_replay_of_an_imported_history_is_what_the_oracle_says(
    shared_data: Path, tmp_path: Path, file: str, map_name: str, until: str, stages: set[str]
):
    out = tmp_path / "events.jsonl"
    assert cli.main(["import", str(shared_data / file), "--map", map_name, "--to", str(out)]) == 0
    lines = out.read_text("utf-8").splitlines()
    events = [json.loads(line, parse_float=Decimal) for line in lines]
    expected = changes_until(events, instant_ms(until))
    changes, members = replayed(out, until, tmp_path)
    assert stages <= {change.segment for change in expected}
    assert differences(expected, changes) == []
    assert members == members_at(events, instant_ms(until))


def test_what_an_imported_event_causes_is_historic(shared_data: Path, tmp_path: Path):
    out, changes = tmp_path / "events.jsonl", tmp_path / "changes.jsonl"
    words = [str(shared_data / "CDNOW_sample.txt"), "--map", "cdnow", "--to", str(out)]
    assert cli.main(["import", *words]) == 0
    assert cli.main(["replay", str(out), "--changes", str(changes), "--json"]) == 0
    told = [json.loads(line)["data"] for line in changes.read_text("utf-8").splitlines()]
    by_events = [change["historic"] for change in told if change["cause"] == "event"]
    assert len(by_events) > 5_000
    assert all(by_events)
