"""An imported history, replayed, against the batch oracle: every change, to the millisecond."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stream.cli import main as cli
from tests.oracle.membership import Change, changes_until, members_at
from tests.oracle.reading import instant_ms
from tests.oracle.replayed import differences, replayed

pytestmark = pytest.mark.real


class Imported(NamedTuple):
    """What an import wrote, and what its replay told until an instant."""

    events: list[dict[str, Any]]
    until_ms: int
    stages: set[str]
    changes: list[Change]
    members: dict[str, set[str]]
    told: list[dict[str, Any]]


@pytest.fixture(
    scope="module",
    params=[
        ("CDNOW_sample.txt", "cdnow", "1998-12-01", {"lapsed", "at_risk", "won_back", "loyal"}),
        (
            "online_retail_2010-12_2011-03.csv.gz",
            "online_retail",
            "2011-06-01",
            {"new_visitor", "new_customer", "one_time_buyer", "regular", "at_risk"},
        ),
    ],
    ids=["cdnow", "online_retail"],
)
def imported(
    request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Imported:
    file, map_name, until, stages = request.param
    folder = tmp_path_factory.mktemp(map_name)
    out = folder / "events.jsonl"
    assert cli.main(["import", str(shared_data / file), "--map", map_name, "--to", str(out)]) == 0
    events = [json.loads(line, parse_float=Decimal) for line in out.read_text("utf-8").splitlines()]
    changes, members = replayed(out, until, folder)
    lines = (folder / "changes.jsonl").read_text("utf-8").splitlines()
    told = [json.loads(line)["data"] for line in lines]
    return Imported(events, instant_ms(until), stages, changes, members, told)


def test_replay_of_an_imported_history_is_what_the_oracle_says(imported: Imported):
    expected = changes_until(imported.events, imported.until_ms)
    assert imported.stages <= {change.segment for change in expected}
    assert differences(expected, imported.changes) == []
    assert imported.members == members_at(imported.events, imported.until_ms)


def test_what_an_imported_event_causes_is_historic(imported: Imported):
    by_events = [change["historic"] for change in imported.told if change["cause"] == "event"]
    assert len(by_events) > 5_000
    assert all(by_events)
