import gzip
import json
import textwrap
from pathlib import Path

import pytest

from stream.cli import main as cli
from stream.events.history_map import parse_map

MAP = """\
columns: {order: nr, customer: who, product: what, quantity: pieces, price: each, time: when}
time: {format: "%Y-%m-%d", zone: UTC}
row: line
currency: EUR
cancelled: {column: nr, prefix: C}
"""
TABLE = """\
nr,who,what,pieces,each,when
2,bob,red,1,9.99,2026-02-01
1,ann,red,2,2.50,2026-01-01
C1,ann,red,-1,2.50,2026-01-03
3,,red,1,1.00,2026-01-04
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(MAP, encoding="utf-8")
    (tmp_path / "orders.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def imported(folder: Path, *words: str, file: str = "orders.csv") -> int:
    return cli.main(["import", str(folder / file), "--map", str(folder / "shop.yaml"), *words])


def test_events_go_to_a_file_and_a_summary_to_stderr(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    out = shop / "out.jsonl"
    assert imported(shop, "--to", str(out), "--json") == 0
    events = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [(event["userId"], event["event"]) for event in events] == [
        ("ann", "Order Completed"),
        ("ann", "Order Refunded"),
        ("bob", "Order Completed"),
    ]
    said = capsys.readouterr()
    summary = json.loads(said.err)
    assert said.out == ""
    assert (summary["rows"], summary["orders"], summary["refunds"]) == (4, 2, 1)
    assert (summary["revenue"], summary["refunded"]) == ({"EUR": "14.99"}, {"EUR": "2.5"})
    assert summary["skipped"] == {"no_customer": 1}
    assert (summary["first"], summary["events"]) == ("2026-01-01T00:00:00.000Z", 3)


def test_without_a_target_events_go_to_stdout(
    shop: Path, capfdbinary: pytest.CaptureFixture[bytes]
):
    assert imported(shop) == 0
    said = capfdbinary.readouterr()
    assert [json.loads(line)["userId"] for line in said.out.splitlines()] == ["ann", "ann", "bob"]
    assert b"14.99 EUR" in said.err


def test_a_fixed_time_of_receipt_gives_the_same_bytes_each_time(shop: Path):
    for name in ("one.jsonl.gz", "two.jsonl.gz"):
        assert imported(shop, "--received-at", "2026-11-01", "--to", str(shop / name)) == 0
    assert (shop / "one.jsonl.gz").read_bytes() == (shop / "two.jsonl.gz").read_bytes()
    first = gzip.decompress((shop / "one.jsonl.gz").read_bytes()).splitlines()[0]
    assert json.loads(first)["receivedAt"] == "2026-11-01T00:00:00.000Z"


def test_a_bad_row_is_named_and_nothing_is_written(shop: Path, capsys: pytest.CaptureFixture[str]):
    (shop / "bad.csv").write_text(TABLE.replace("2,2.50", "two,2.50"), encoding="utf-8")
    out = shop / "out.jsonl"
    out.write_text("as it was", encoding="utf-8")
    assert imported(shop, "--to", str(out), file="bad.csv") == 2
    said = capsys.readouterr().err
    assert f"{shop / 'bad.csv'}:3: column 'pieces': 'two' is not a number" in said
    assert "nothing was imported" in said
    assert out.read_text("utf-8") == "as it was"


def test_a_failed_write_leaves_no_part_behind(shop: Path, capsys: pytest.CaptureFixture[str]):
    before = sorted(shop.iterdir())
    assert imported(shop, "--to", str(shop / "nowhere" / "out.jsonl")) == 2
    assert "No such file or directory" in capsys.readouterr().err
    assert sorted(shop.iterdir()) == before


def test_a_device_is_written_and_stays_one(shop: Path):
    assert imported(shop, "--to", "/dev/null") == 0
    assert Path("/dev/null").is_char_device()


def test_a_wrong_map_is_a_wrong_call(shop: Path, capsys: pytest.CaptureFixture[str]):
    (shop / "shop.yaml").write_text(MAP.replace("row: line", "row: ordr"), encoding="utf-8")
    assert imported(shop) == 2
    assert f"{shop / 'shop.yaml'}:3: $.row: Invalid enum value 'ordr'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.csv", "--map", "cdnow"], "missing.csv is not there"),
        (["missing.csv", "--map", "cdnau"], "one of cdnow, online_retail"),
        (["missing.csv"], "--map"),
        (["x.csv", "--map", "cdnow", "--received-at", "soon"], "'soon' is not an RFC 3339 time"),
        (["x.csv", "--map", "cdnow", "--broker", "nowhere"], "is not host:port"),
    ],
)
def test_wrong_calls_exit_2_and_say_what_is_meant(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(["import", *words]) == 2
    assert said in capsys.readouterr().err


def test_help_has_an_example_and_the_exit_codes(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["import", "--help"]) == 0
    said = capsys.readouterr().out
    assert "shoal import orders.csv --map shop.yaml" in said
    assert "exit codes" in said


def test_the_map_in_the_help_is_one(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["import", "--help"]) == 0
    said = capsys.readouterr().out
    text = said[said.index("  columns:") : said.index("\nexamples:")]
    map_ = parse_map(textwrap.dedent(text), "help")
    assert map_.columns.order == "Invoice"
    assert map_.layout.decimal == ","
