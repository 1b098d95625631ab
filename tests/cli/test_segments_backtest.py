"""`shoal segments backtest`: figures by hand, and against a reckoning of what replay writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stream.cli import main as cli
from stream.clock import rfc3339
from stream.segments.source import Source
from stream.simulation.traffic import TrafficConfig, generate
from tests.cli import reckoned
from tests.cli.test_replay import call, ordered
from tests.engine.lane import BUILT_IN
from tests.oracle.batch import customers_at
from tests.oracle.reading import event_time_ms
from tests.oracle.test_against_replay import read
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS

SEGMENTS = """\
segments:
  - name: buyer
    purpose: To thank.
    enter: orders.count >= 1
  - name: stirring
    purpose: To talk to.
    enter: since(seen.last) < 2 * HOUR
    action: {channels: [email]}
"""
END_MS = START_MS + 25 * DAY
PACK = Source(BUILT_IN, "pack.yaml").tree["segments"]
SHADOWS = {each["name"] for each in PACK if each.get("shadow")}
"""Replay tells nobody of these."""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """a buys at midnight and at 3:00, b at 23:00, c looks at 23:30 of the second day."""
    (tmp_path / "segments.yaml").write_text(SEGMENTS, encoding="utf-8")
    events = [
        ordered(START_MS, "a", 10), ordered(START_MS + 3 * HOUR, "a", 5),
        ordered(START_MS + 23 * HOUR, "b", 30),
        call(START_MS + DAY + 23 * HOUR + 30 * MINUTE, "Product Viewed", "c", product_id="p"),
    ]  # fmt: skip
    (tmp_path / "events.jsonl").write_text("\n".join(events) + "\n", encoding="utf-8")
    return tmp_path


def backtest(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code = cli.main(
        ["segments", "backtest", str(folder / "events.jsonl"),
         "--segments", str(folder / "segments.yaml"), "--json", *words]
    )  # fmt: skip
    out = capsys.readouterr()
    assert code == 0, out.err
    found: dict[str, Any] = json.loads(out.out)
    return found


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["segment"]: each for each in found["segments"]}


def test_figures_of_three_customers(shop: Path, capsys: pytest.CaptureFixture[str]):
    """stirring: a 0:00 to 2:00 and 3:00 to 5:00, b 23:00 to 1:00, c from 23:30 to the end."""
    found = backtest(shop, capsys, "--until", rfc3339(START_MS + 2 * DAY + HOUR))
    assert (found["from"], found["until"]) == (
        "2026-03-02T00:00:00.000Z", "2026-03-04T01:00:00.000Z",
    )  # fmt: skip
    assert found["days"] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert found["customers"] == 3
    stirring = by_name(found)["stirring"]
    assert stirring["entered"] == [3, 1, 0]
    assert stirring["exited"] == [2, 1, 0]
    assert stirring["size"] == [1, 1, 1]
    assert (stirring["entries"], stirring["exits"], stirring["members"]) == (4, 3, 1)
    assert (stirring["stay_mean_s"], stirring["stay_median_s"]) == (7200, 7200)
    assert (stirring["flaps_24h"], stirring["flaps_24h_per_100"]) == (1, 25.0)
    assert by_name(found)["buyer"]["size"] == [2, 2, 2]
    assert found["overlap"] == {"buyer": {"stirring": 0.0}, "stirring": {"buyer": 0.0}}


def test_coverage_of_three_customers(shop: Path, capsys: pytest.CaptureFixture[str]):
    """Only stirring has an action. At the end c is in it; everybody was at some time."""
    found = backtest(shop, capsys, "--until", rfc3339(START_MS + 2 * DAY + HOUR))["coverage"]
    assert found["actionable"] == ["stirring"]
    assert (found["customers"], found["revenue"]) == (3, 45.0)
    assert found["at_end"] == {
        "customers": 2, "customers_share": 0.6667, "revenue": 45.0, "revenue_share": 1.0,
    }  # fmt: skip
    assert (found["ever"]["customers"], found["ever"]["revenue"]) == (0, 0.0)


def test_what_is_before_the_period_is_past(shop: Path, capsys: pytest.CaptureFixture[str]):
    """From 23:30 of the first day: a is only a buyer, b is stirring from the start."""
    found = backtest(shop, capsys, "--from", rfc3339(START_MS + 23 * HOUR + 30 * MINUTE))
    stirring = by_name(found)["stirring"]
    assert (stirring["members_start"], stirring["entries"], stirring["exits"]) == (1, 1, 1)
    assert stirring["size"] == [1, 1]
    assert stirring["stay_mean_s"] == 7200
    assert found["coverage"]["revenue"] == 0.0
    assert found["coverage"]["ever"]["customers"] == 1


def test_what_is_after_until_has_not_happened(shop: Path, capsys: pytest.CaptureFixture[str]):
    found = backtest(shop, capsys, "--until", rfc3339(START_MS + 4 * HOUR))
    assert (found["customers"], found["until"]) == (1, "2026-03-02T04:00:00.000Z")
    assert by_name(found)["stirring"]["entries"] == 2
    assert found["coverage"]["revenue"] == 15.0


def test_only_the_segments_asked_for_are_shown(shop: Path, capsys: pytest.CaptureFixture[str]):
    found = backtest(shop, capsys, "--segment", "buyer")
    assert list(by_name(found)) == ["buyer"]
    assert found["coverage"]["actionable"] == ["stirring"]


def test_nearly_the_same_members_and_extreme_sizes_are_warned_of(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    """a and b buy, c does not: two of three are over 60%, nobody is under 1%."""
    (shop / "segments.yaml").write_text(
        SEGMENTS
        + "  - {name: payer, purpose: p, enter: orders.revenue > 0}\n"
        + "  - {name: rich, purpose: p, enter: orders.revenue > 1000}\n",
        encoding="utf-8",
    )
    found = backtest(shop, capsys)["warnings"]
    assert [warning.split(";")[0] for warning in found] == [
        "buyer holds 66.7% of 3 customers",
        "payer holds 66.7% of 3 customers",
        "payer has 100% of its members in common with buyer",
        "rich holds 0.0% of 3 customers",
    ]
    assert backtest(shop, capsys, "--segment", "rich")["warnings"] == [
        "rich holds 0.0% of 3 customers; widen it, or drop it"
    ]


def test_a_definition_that_is_not_valid_yet_is_said_to_be_so(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    late = SEGMENTS.replace("enter: orders.count >= 1", "enter: orders.count >= 1\n    valid_from: "
                            "2026-04-01")  # fmt: skip
    (shop / "segments.yaml").write_text(late, encoding="utf-8")
    (note,) = backtest(shop, capsys)["notes"]
    assert note.startswith("buyer is valid from 2026-04-01, after this history")


def test_the_table_is_for_people(shop: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(
        ["segments", "backtest", str(shop / "events.jsonl"),
         "--segments", str(shop / "segments.yaml")]
    ) == 0  # fmt: skip
    said = capsys.readouterr().out
    assert "stirring" in said
    assert "█" in said
    assert "in no actionable segment at the end" in said


def test_names_stay_whole_in_eighty_columns(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    long = "payment_preference:credit_card"
    named = SEGMENTS.replace("name: buyer", f"name: {long}").replace(
        "name: stirring", f"name: x{long[1:]}"
    )
    (shop / "segments.yaml").write_text(named, encoding="utf-8")
    monkeypatch.setattr("stream.cli.backtest_tables.PLAIN_WIDTH", 80)
    assert cli.main(
        ["segments", "backtest", str(shop / "events.jsonl"),
         "--segments", str(shop / "segments.yaml")]
    ) == 0  # fmt: skip
    tables = capsys.readouterr().out.partition("Coverage")[0].splitlines()
    assert max(map(len, tables)) <= 80
    assert sum(f"{long} " in line for line in tables) == 3


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_chart_is_the_same_each_time(shop: Path, capsys: pytest.CaptureFixture[str], kind: str):
    charts = [shop / f"{name}.{kind}" for name in ("one", "two")]
    for chart in charts:
        backtest(shop, capsys, "--chart", str(chart))
    one, two = (chart.read_bytes() for chart in charts)
    assert one == two
    assert one.startswith(b"\x89PNG" if kind == "png" else b"<?xml")


def test_without_matplotlib_a_chart_says_how_to_get_it(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    from stream.cli.backtest_chart import require_matplotlib  # noqa: PLC0415
    from stream.cli.failure import CommandFailedError  # noqa: PLC0415

    with pytest.raises(CommandFailedError, match=r"pip install 'shoal\[charts\]'"):
        require_matplotlib()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--segment", "stiring"), 2, "did you mean stirring?"),
        (("--chart", "out.pdf"), 2, "cannot draw a .pdf"),
        (("--chart", "/nowhere/out.svg"), 2, "cannot write /nowhere/out.svg"),
        (("--from", "soon"), 2, "--from: 'soon' is not an RFC 3339 time"),
        (("--from", "2026-03-03", "--until", "2026-03-02"), 2, "--from is after --until"),
        (("--reference", "absent"), 2, "cannot read absent"),
    ],
)
def test_what_is_called_wrongly_is_said(
    shop: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, says: str
):
    assert cli.main(
        ["segments", "backtest", str(shop / "events.jsonl"),
         "--segments", str(shop / "segments.yaml"), *words]
    ) == code  # fmt: skip
    assert says in capsys.readouterr().err


def test_an_empty_history_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "empty.jsonl").write_text("")
    assert cli.main(["segments", "backtest", str(tmp_path / "empty.jsonl")]) == 2
    assert "no event" in capsys.readouterr().err


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three and a half weeks of a shop, late and repeated events included; what replay makes."""
    folder = tmp_path_factory.mktemp("simulated")
    config = TrafficConfig(
        seed=11, customers=90, start_ms=START_MS, days=25, duplicates=0.02, late=0.03
    )
    events = folder / "events.jsonl"
    events.write_bytes(b"".join(event.value + b"\n" for event in generate(config)))
    assert cli.main(
        ["replay", str(events), "--until", rfc3339(END_MS), "--changes",
         str(folder / "changes.jsonl"), "--members", str(folder / "members.jsonl"), "--json"]
    ) == 0  # fmt: skip
    return folder


def run(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert cli.main(["segments", "backtest", str(folder / "events.jsonl"), "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("since_days", [0, 12])
def test_simulated_figures_are_those_reckoned_from_the_changes(
    simulated: Path, capsys: pytest.CaptureFixture[str], since_days: float
):
    since = ("--from", rfc3339(START_MS + since_days * DAY)) if since_days else ()
    found = run(simulated, capsys, "--until", rfc3339(END_MS), *since)
    begin_ms = reckoned.instant_ms(found["from"])
    expected = reckoned.stays_by_segment(simulated / "changes.jsonl")
    assert sum(bool(stays) for stays in expected.values()) >= 8
    told = {name: each for name, each in by_name(found).items() if name not in SHADOWS}
    for segment, figures in told.items():
        reckoning = reckoned.figures(expected.get(segment, []), begin_ms, END_MS)
        mean_s, median_s = reckoning.pop("mean_s"), reckoning.pop("median_s")
        assert {name: figures[name] for name in reckoning} == reckoning, segment
        if mean_s is None:
            assert (figures["stay_mean_s"], figures["stay_median_s"]) == (None, None)
        else:
            assert figures["stay_mean_s"] == pytest.approx(mean_s, abs=1)
            assert figures["stay_median_s"] == pytest.approx(median_s, rel=0.02, abs=1)
        assert figures["members"] == figures["size"][-1]


def test_simulated_overlaps_are_those_of_the_final_members(
    simulated: Path, capsys: pytest.CaptureFixture[str]
):
    found = run(simulated, capsys, "--until", rfc3339(END_MS))["overlap"]
    expected = reckoned.overlaps(simulated / "members.jsonl")
    assert set(found) - SHADOWS == set(expected)
    for one, shares in expected.items():
        assert {b: found[one][b] for b in shares} == pytest.approx(shares, abs=5e-5)


def test_simulated_coverage_is_that_of_the_raw_events(
    simulated: Path, capsys: pytest.CaptureFixture[str]
):
    """Who has bought and what they spent comes from a batch reading of the events themselves."""
    found = run(simulated, capsys, "--until", rfc3339(END_MS))["coverage"]
    events = read((simulated / "events.jsonl").read_bytes().splitlines())
    people = {who: found for who, found in customers_at(events, END_MS).items() if found.standing}
    now: dict[str, set[str]] = {}
    for segment, stays in reckoned.stays_by_segment(simulated / "changes.jsonl").items():
        for stay in stays:
            if stay.exit_ms is None:
                now.setdefault(stay.customer, set()).add(segment)
    actionable = {
        each["name"]
        for each in PACK
        if each.get("action", {}).get("channels")
        and (not each.get("group") or each["action"].get("enabled"))
        and not each.get("shadow")
    }
    assert "abandoned_cart" in actionable
    assert set(found["actionable"]) == actionable
    missed = [key for key in people if not now.get(key, set()) & actionable]
    revenue = sum(customer.revenue for customer in people.values()) / 1e6
    assert (found["customers"], found["revenue"]) == (len(people), pytest.approx(revenue, abs=0.01))
    assert found["at_end"]["customers"] == len(missed)
    missed_revenue = sum(people[key].revenue for key in missed) / 1e6
    assert found["at_end"]["revenue"] == pytest.approx(missed_revenue, abs=0.01)


def test_revenue_of_a_period_is_the_difference_of_its_ends(
    simulated: Path, capsys: pytest.CaptureFixture[str]
):
    """In order: a late event tells of its own time, and comes before the period's beginning."""
    since_ms = START_MS + 12 * DAY
    found = run(simulated, capsys, "--from", rfc3339(since_ms), "--until", rfc3339(END_MS))
    events = read((simulated / "events.jsonl").read_bytes().splitlines())
    ends = [
        sum(customer.revenue for customer in customers_at(events, at_ms).values()) / 1e6
        for at_ms in (since_ms - 1, END_MS)
    ]
    assert found["coverage"]["revenue"] == pytest.approx(ends[1] - ends[0], abs=0.01)
    assert max(event_time_ms(event) or 0 for event in events) < END_MS
