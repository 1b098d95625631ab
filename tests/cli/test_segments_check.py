from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream.cli import main as cli

GOOD = """\
settings: {many: 3}
segments:
  - name: regular
    purpose: Serve them.
    enter: orders.count >= many
    review_by: 2027-06-30
    success: {event: Order Completed}
    action: {channels: [email], enabled: true}
"""


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["segments", "check", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_a_good_file_is_told_what_it_holds(shop: Path, capsys: pytest.CaptureFixture[str]):
    code, out, err = check(capsys, str(shop), "--strict", "--today", "2026-11-22")
    assert (code, err) == (0, "")
    assert out.startswith(f"{shop}: holds; 1 segment, 1 setting, 1 action on; version ")
    assert out.count("\n") == 1


def test_warnings_are_told_and_fail_under_strict_alone(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    shop.write_text(GOOD.replace("[email]", "[emial]"), encoding="utf-8")
    code, out, err = check(capsys, str(shop), "--today", "2026-11-22")
    assert (code, err) == (0, "")
    assert f"{shop}:8: warning: regular: 'emial' is no known channel" in out
    assert check(capsys, str(shop), "--strict", "--today", "2026-11-22")[0] == 1


def test_the_day_decides_whether_a_review_is_overdue(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    assert check(capsys, str(shop), "--strict", "--today", "2027-06-30")[0] == 0
    code, out, _ = check(capsys, str(shop), "--strict", "--today", "2027-07-01")
    assert code == 1
    assert f"{shop}:6: warning: regular: was to be reviewed by 2027-06-30" in out


def test_an_error_is_one_line_with_its_place_and_exit_code_2(
    shop: Path, capsys: pytest.CaptureFixture[str]
):
    shop.write_text(GOOD.replace("orders.count", "orders.cuont"), encoding="utf-8")
    code, out, err = check(capsys, str(shop))
    assert (code, out) == (2, "")
    assert err == (
        f"shoal segments: {shop}:5: segments.0.enter: column 1: 'orders.cuont' is no feature, "
        "unit or setting; did you mean orders.count?; then check again\n"
    )


def test_one_bad_file_of_several_fails_the_call(shop: Path, capsys: pytest.CaptureFixture[str]):
    bad = shop.with_name("bad.yaml")
    bad.write_text("segments: [", encoding="utf-8")
    assert check(capsys, str(shop), str(bad))[0] == 2
    assert check(capsys, str(shop), str(shop))[0] == 0


def test_json_lists_files_and_warnings(shop: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = check(capsys, str(shop), "--json", "--today", "2028-01-01")
    (found,) = json.loads(out)
    assert code == 0
    assert (found["segments"], found["actions_on"]) == (["regular"], ["regular"])
    assert found["warnings"] == [
        {
            "rule": "review",
            "segment": "regular",
            "line": 6,
            "message": "was to be reviewed by 2027-06-30; do it, and set the next date",
        }
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.yaml"], "nowhere.yaml is no file; name a YAML file"),
        (["."], ". is no file"),
        (["x.yaml", "--today", "soon"], "--today soon: is no date; write one as in 2027-06-30"),
        ([], "file"),
    ],
)
def test_wrong_calls_exit_2(words: list[str], says: str, capsys: pytest.CaptureFixture[str]):
    code, _, err = check(capsys, *words)
    assert code == 2
    assert says in err
    assert err.count("\n") == 1
