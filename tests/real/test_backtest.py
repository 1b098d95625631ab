"""A backtest of a real shop's first four months, against the batch oracle's changes."""

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from tests.cli import reckoned
from tests.oracle.batch import customers_at
from tests.oracle.membership import changes_until
from tests.oracle.reading import instant_ms
from tests.oracle.replayed import is_judged

pytestmark = pytest.mark.real

UNTIL = "2011-04-30T00:00:00Z"


@pytest.fixture(scope="module")
def history(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("history") / "events.jsonl"
    source = shared_data / "online_retail_2010-12_2011-03.csv.gz"
    assert cli.main(["import", str(source), "--map", "online_retail", "--to", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def events(history: Path) -> list[dict[str, Any]]:
    lines = history.read_text("utf-8").splitlines()
    return [json.loads(line, parse_float=Decimal) for line in lines]


def test_sizes_flows_and_stays_are_the_oracles(
    history: Path, events: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
):
    capsys.readouterr()
    assert cli.main(["segments", "backtest", str(history), "--until", UNTIL, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    begin_ms, end_ms = instant_ms(found["from"]), instant_ms(UNTIL)
    stays: dict[str, list[reckoned.Stay]] = defaultdict(list)
    for change in changes_until(events, end_ms):
        turns = stays[change.segment]
        reckoned.turn(turns, change.customer, change.time_ms, entered=change.entered)
    assert len(stays) >= 7
    for figures in found["segments"]:
        if is_judged(figures["segment"]):
            expected = reckoned.figures(stays[figures["segment"]], begin_ms, end_ms)
            mean_s, median_s = expected.pop("mean_s"), expected.pop("median_s")
            assert {name: figures[name] for name in expected} == expected
            if mean_s is not None:
                assert figures["stay_mean_s"] == pytest.approx(mean_s, abs=1)
                assert figures["stay_median_s"] == pytest.approx(median_s, rel=0.02)
    people = customers_at(events, end_ms)
    revenue = sum(customer.revenue for customer in people.values()) / 1e6
    # The built-in pack counts who has an order that stands.
    buyers = [who for who in people.values() if not all(o.cancelled for o in who.orders.values())]
    assert found["coverage"]["customers"] == found["customers"] == len(buyers)
    assert found["coverage"]["revenue"] == pytest.approx(revenue, abs=0.01)


def test_a_sample_previews_the_whole_within_its_own_margin(
    history: Path, capsys: pytest.CaptureFixture[str]
):
    """Twice the margin: the interval holds nineteen times in twenty, and five are looked at."""
    sizes = []
    for sample in ("1", "0.3"):
        capsys.readouterr()
        words = ["segments", "preview", str(history), "--until", UNTIL, "--sample", sample]
        assert cli.main([*words, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)["segments"]
        sizes.append({each["segment"]: each["estimate"] for each in found})
    whole, part = sizes
    for segment in ("at_risk", "loyal", "regular", "one_time_buyer", "new_visitor"):
        off = abs(part[segment]["members"] - whole[segment]["members"])
        assert off <= 2 * part[segment]["plus_minus"]
        assert whole[segment]["plus_minus"] == 0
