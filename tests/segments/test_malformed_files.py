"""A hundred and more definition files that do not hold, through `shoal segments check`.

Each must end in exactly one line on stderr that names the file and the line and says what to do,
with exit code 2 and never a traceback. The offending line carries the mark `#!`, or is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.cli import main as cli
from stream.features.catalogue import FEATURES

HEAD = "segments:\n  - name: it\n    purpose: p\n"
"""A segment that lacks its condition alone: the next line is the fourth."""

WHOLE = HEAD + "    enter: cart.items > 0\n"

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefg", "bcdefgh", strict=True)
)

BY_HAND: dict[str, tuple[str | bytes, int | None, str]] = {
    # What is no text, or no YAML.
    "empty": ("", 1, "write `segments:`"),
    "only a comment": ("# nothing yet\n", 1, "write `segments:`"),
    "a number": ("7\n", 1, "write `segments:`"),
    "a text": ("segments\n", 1, "write `segments:`"),
    "half a file": ("segments:\n  - name: [\n", 3, "mend the YAML"),
    "an open quote": (WHOLE + '    title: "Cart\n', 6, "mend the YAML"),
    "an open brace": ("segments: [{name: it, purpose: p\n", 2, "mend the YAML"),
    "a tab": ("segments:\n\t- name: it\n", 2, "indent by blanks"),
    "indented wrong": ("segments:\n  - name: it\n   purpose: p  #!\n", None, "mend the YAML"),
    "a colon in a text": ("- name: it\n  purpose: why: because  #!\n", None, "in quotes"),
    "two documents": ("---\nsegments: []\n---  #!\nsegments: []\n", None, "keep one"),
    "an alias of nothing": ("segments: *all  #!\n", None, "write it out"),
    "an alias of itself": ("a: &a\n  b: *a\n", 1, "make it flat"),
    "an alias bomb": (BOMB, 5, "fewer aliases"),
    "a reserved sign": ("segments: @all\n", 1, "mend the YAML"),
    "a tag that runs code": (
        WHOLE + "    title: !!python/object/apply:os.system [ls]  #!\n", None, "take the tag out"),
    "a tag of a number": (WHOLE + "    priority: !!int high  #!\n", None, "write it plainly"),
    "a number without end": (WHOLE + f"    priority: {'9' * 5000}\n", 5, "write it plainly"),
    "a list for a name": (WHOLE + "    ? [title]\n    : Cart\n", 5, "quote it"),
    "a number for a name": (WHOLE + "    1: Cart  #!\n", None, "quote it"),
    "a null for a name": (WHOLE + "    ~: Cart  #!\n", None, "quote it"),
    "a merge of a number": (WHOLE + "    <<: 3  #!\n", None, "mend the YAML"),
    "bytes of no encoding": (WHOLE.encode() + b"    title: \xe4\n", 5, "save the file as UTF-8"),
    "half an UTF-16": (b"\xff\xfe\x00", 1, "save the file as UTF-8"),
    "a control character": (WHOLE + "    title: a\x07b\n", 5, "take them out"),
    "a NUL": (WHOLE + "    title: a\0b\n", 5, "take them out"),
    "half a character": (WHOLE + '    title: "\\ud83d"  #!\n', None, "take it out"),
    "nested without end": ("segments: " + "[" * 3000, 1, "make it flat"),
    # What is YAML and no definitions file.
    "segments that are a mapping": ("segments: {it: 1}  #!\n", None, "write a list"),
    "segments that are nothing": ("segments:\n", 1, "write a list"),
    "a segment that is a text": ("segments: [it]  #!\n", None, "write fields"),
    "no segments": ("settings: {a: 1}\n", 1, "write `segments:`"),
    "a key beside": ("segments: []\nsegmnts: []  #!\n", None, "did you mean segments?"),
    "a key from nowhere": ("segments: []\nzzzzz: 1  #!\n", None, "take it out"),
    "settings in a list": ("segments: []\nsettings: [1]  #!\n", None, "write fields"),
    "a setting of nothing": ("segments: []\nsettings:\n  a:  #!\n", None, "write a number"),
    "a flag as a setting": (
        "segments: []\nsettings:\n  a: 1\n  b: true  #!\n", None, "write a number"),
    "a setting of no number": ("segments: []\nsettings: {a: much}\n", 2, "segments features"),
    "a setting without end": ("segments: []\nsettings: {a: .inf}\n", 2, "too large"),
    "a setting named as a unit": ("segments: []\nsettings:\n  DAY: 3  #!\n", None, "rename it"),
    "a customer by a segment": (
        f"customer: in_segment('it')  #!\n{WHOLE}", None, "write what in_segment() stands for"),
    "a setting named as a flag": ("segments: []\nsettings:\n  'true': 3  #!\n", None, "rename it"),
    "a setting of two words": ("segments: []\nsettings:\n  a b: 3  #!\n", None, "rename it"),
    "a setting named as an operator": (
        "segments: []\nsettings:\n  not: 3  #!\n", None, "rename it"),
    "a setting by itself": ("segments: []\nsettings:\n  a: a  #!\n", None, "is no feature"),
    "a setting through nothing": (
        "segments: []\nsettings:\n  a: 1 / 0  #!\n", None, "divides by zero"),
    "two of one name": (
        2 * "- {name: a, purpose: p, enter: cart.items > 0}\n", 2, "defined twice"),
    "a name with a blank": (
        "- {name: my cart, purpose: p, enter: cart.items > 0}\n", 1, "letters, digits"),
    "a name of nothing": ("- {name: '', purpose: p, enter: cart.items > 0}\n", 1, "letters"),
    "a cluster's name": (
        "- {name: 'cluster:1', purpose: p, enter: cart.items > 0}\n", 1, "not cluster:"),
    "a long name": (f"- name: {'n' * 101}\n  purpose: p\n  enter: cart.items > 0\n", 1, "to 100"),
    "more segments than there may be": (
        "".join(f"- {{name: s{n}, purpose: p, enter: cart.items > 0}}\n" for n in range(201)), 1,
        "keep few"),
    # Conditions.
    "no condition": (HEAD, 2, "write one"),
    "an empty condition": (HEAD + "    enter: ''  #!\n", None, "write one like"),
    "a condition that is a flag": (HEAD + "    enter: yes  #!\n", None, "write a text"),
    "a condition that is a mapping": (HEAD + "    enter: {cart: 1}  #!\n", None, "write a text"),
    "an assignment": (HEAD + "    enter: cart.items = 3  #!\n", None, "write == to compare"),
    "words": (HEAD + "    enter: cart is full  #!\n", None, "there are < <="),
    "an open bracket": (HEAD + "    enter: (cart.items > 0  #!\n", None, "does not read"),
    "an unknown feature": (HEAD + "    enter: cart.itms > 0  #!\n", None, "mean cart.items?"),
    "an unknown word": (HEAD + "    enter: cart.items > lots  #!\n", None, "segments features"),
    "a comparison that is none": (HEAD + "    enter: cart.items  #!\n", None, "compare it"),
    "a chain": (HEAD + "    enter: 0 < cart.items < 5  #!\n", None, "write one like"),
    "a time without unit": (
        HEAD + "    enter: since(orders.last) > 30  #!\n", None, "write a time like 30 * DAY"),
    "an instant by itself": (
        HEAD + "    enter: orders.last > 3 * DAY  #!\n", None, "write since()"),
    "since() of a count": (
        HEAD + "    enter: since(orders.count) > 3 * DAY  #!\n", None, "needs an instant"),
    "a percentage as a percentile": (
        HEAD + "    enter: percentile(orders.revenue) >= 90  #!\n", None, "from 0 to 1"),
    "a share of nothing": (HEAD + "    enter: cart.items / 0 > 1  #!\n", None, "divides by zero"),
    "an import": (
        HEAD + "    enter: __import__('os').system('ls') > 0  #!\n", None, "segments features"),
    "an unknown function": (HEAD + "    enter: eval('1') > 0  #!\n", None, "there are"),
    "a segment from nowhere": (
        HEAD + "    enter: in_segment('later')  #!\n", None, "names no segment"),
    "a segment nearly": (
        HEAD + "    enter: in_segment('It')  #!\n", None, "did you mean 'it'?"),
    "a comment in a folded text": (
        HEAD + "    enter: >-  #!\n      cart.items > 0 # full\n      and cart.lines > 1\n", None,
        "column 15: has a comment"),
    "a slip in the third of several lines": (
        HEAD + "    enter: |  #!\n      cart.items > 0 # full\n\n      and cart.lins > 1\n", None,
        "its line 3, column 5: 'cart.lins'"),
    "a slip after an umlaut": (
        HEAD + "    enter: trait('Größe') == 'ü' and cart.lins > 1  #!\n", None,
        "column 27: 'cart.lins'"),
    "half a character in a trait": (
        HEAD + '    enter: trait("\\ud800") == 1  #!\n', None, "half a character"),
    "a number that is not": (WHOLE + "    min_stay: not 3 * DAY  #!\n", None, "is no feature"),
    "a number and itself": (
        "segments: []\nsettings:\n  a: 3 > 0 and 3  #!\n", None, "is no feature"),
    "a time beyond all": (
        HEAD + f"    enter: since(orders.last) > {' * '.join(['1e14'] * 25)} * DAY  #!\n", None,
        "smaller number"),
    "a habit of no time": (
        HEAD + "    enter: habit(hours=(6, 6))  #!\n", None, "hours=(6, 7) is one hour"),
    "bought() in a sum": (
        HEAD + "    enter: bought('tea') + 1 > 2  #!\n", None, "stands by itself"),
    "a negative weight": (
        WHOLE + "    action:\n      variants:\n        - name: a\n          weight: -1  #!\n", None,
        "none below it"),
    "a share of most": (WHOLE + "    action: {control: 0.9}  #!\n", None, "from 0 to 0.5"),
    "a segment within itself": (
        HEAD + "    enter: in_segment('it')\n", 2, "asks for itself: it -> it;"),
    "over several lines": (
        HEAD + "    enter: >-  #!\n      cart.items > 0\n      and cart.lines > lots\n", None,
        "is no feature"),
    "an exit in a group": (
        WHOLE + "    group: g\n    exit: cart.items <= 0  #!\n", None, "has no exit"),
    "a group of too many comparisons": (
        "".join(
            f"- {{name: s{n}, purpose: p, group: g, enter: cart.items > {n} or cart.lines > {n}}}\n"
            for n in range(20)
        ), 1, "ask for less"),
    # The plan.
    "success in words": (WHOLE + "    success: an order  #!\n", None, "write fields"),
    "success within soon": (
        WHOLE + "    success: {event: Order Completed, within: soon}  #!\n", None, "is no feature"),
    "success within a count": (
        WHOLE + "    success:\n      event: Order Completed\n      within: cart.items  #!\n", None,
        "such as 3 * DAY"),
    "an action of nothing": (WHOLE + "    action:  #!\n", None, "write fields"),
    "channels in a text": (
        WHOLE + "    action:\n      channels: email  #!\n", None, "write a list"),
    "a channel of a number": (
        WHOLE + "    action:\n      channels:\n        - email\n        - 7  #!\n", None,
        "write a text"),
    "a variant without a name": (
        WHOLE + "    action:\n      variants:\n        - weight: 2  #!\n", None, "write one"),
    "enabled by a word": (WHOLE + "    action: {enabled: maybe}  #!\n", None, "true or false"),
    "a priority in words": (WHOLE + "    priority: high  #!\n", None, "whole number"),
    "half a priority": (WHOLE + "    priority: 0.5  #!\n", None, "whole number"),
}  # fmt: skip

BASE = """\
settings:
  patience: 1 * HOUR
segments:
  - name: it
    purpose: Why.
    enter: cart.items > 0 and since(cart.last_activity) >= patience
    title: It
    exit: cart.items <= 0
    priority: 50
    review_by: 2027-06-30
    success:
      event: Order Completed
      value: revenue
      within: 3 * DAY
    action:
      channels: [email]
      message: Hello.
      consent: marketing
      enabled: true
"""

LINES = BASE.splitlines()
FIELDS = [
    (number, match[1], match[2])
    for number, line in enumerate(LINES, 1)
    if number > 4 and (match := re.match(r" +(\w+):(.*)$", line))
]
"""Line, name and value of each field below the first line of the segment."""

REQUIRED = {"purpose": 4, "enter": 4, "event": 11}
"""Field -> the line of the mapping that lacks it when it is gone."""


def with_line(number: int, line: str) -> str:
    return "\n".join([*LINES[: number - 1], line, *LINES[number:]]) + "\n"


def indent(number: int) -> str:
    return " " * (len(LINES[number - 1]) - len(LINES[number - 1].lstrip()))


Case = tuple[str, str, int, str]
"""What it is, the file, the line that is wrong (0 where that is not one), what it must say."""


def of_fields() -> Iterator[Case]:
    for number, name, value in FIELDS:
        start = indent(number)
        wrong = name[:-2] + name[-1] + name[-2] if name[-1] != name[-2] else name[:-1]
        text = with_line(number, f"{start}{wrong}:{value}")
        yield f"{name} misspelled", text, number, f"did you mean {name}?"
        if not value.strip():
            continue
        text = with_line(number, f"{LINES[number - 1]}\n{start}{name}: again")
        yield f"{name} twice", text, number + 1, "is written twice; keep one"
        kind = "[{a: 1}]" if name != "channels" else "{a: 1}"
        text = with_line(number, f"{start}{name}: {kind}")
        yield f"{name} of a wrong kind", text, number, "; write "
        text = with_line(number, f'{start}{name}: "cut')
        yield f"{name} cut off", text, 0, "mend the YAML"


def of_required_fields() -> Iterator[Case]:
    for name, at in REQUIRED.items():
        number = next(n for n, found, _ in FIELDS if found == name)
        yield f"{name} left out", with_line(number, ""), at, "; write one"


def of_conditions() -> Iterator[Case]:
    number = next(n for n, name, _ in FIELDS if name == "enter")
    for feature in sorted(FEATURES)[::3]:
        family, _, word = feature.partition(".")
        typo = f"{family}.{word[0]}{word}"
        text = with_line(number, f"    enter: cart.items > 0 and {typo} > 0")
        says = f"column 20: '{typo}' is no feature, unit or setting; did you mean "
        yield f"{feature} mistyped", text, number, says


GENERATED = [*of_fields(), *of_required_fields(), *of_conditions()]


def expect_one_error(path: Path, line: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["segments", "check", str(path)])
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err.count("\n") == 1
    found = re.match(rf"shoal segments: {re.escape(str(path))}:(\d+): (.+)\n", captured.err)
    assert found, captured.err
    assert says in found[2]
    assert len(found[2]) < 500
    if line:
        assert int(found[1]) == line, captured.err


def marked(text: str) -> int:
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "#!" in line]
    assert len(lines) == 1
    return lines[0]


def test_there_are_a_hundred_and_the_file_that_they_are_made_of_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert len(BY_HAND) + len(GENERATED) >= 100
    path = tmp_path / "base.yaml"
    path.write_text(BASE, encoding="utf-8")
    assert cli.main(["segments", "check", str(path), "--strict", "--today", "2026-11-22"]) == 0
    assert "holds" in capsys.readouterr().out


@pytest.mark.parametrize("case", BY_HAND)
def test_a_file_that_was_written_wrong_ends_in_one_clear_error(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    text, line, says = BY_HAND[case]
    path = tmp_path / "shop.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if line is None:
        assert isinstance(text, str)
        line = marked(text)
    expect_one_error(path, line, says, capsys)


@pytest.mark.parametrize("case", GENERATED, ids=lambda case: case[0])
def test_a_good_file_with_one_thing_wrong_ends_in_one_clear_error(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    _, text, line, says = case
    path = tmp_path / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    expect_one_error(path, line, says, capsys)
