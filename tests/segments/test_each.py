"""One definition for each of some values, and what is wrong with one names its line."""

from __future__ import annotations

import pytest

from stream.segments.each import EachError, expand_each
from stream.segments.pack import load_pack
from stream.segments.reading import Reading
from stream.segments.source import SEGMENTS_MAX, DefinitionError

FILE = """segments:
  - {name: first, purpose: p, enter: cart.items > 0}
  - name: interest:{CATEGORY}
    title: Interested in {CATEGORY}
    each: {CATEGORY: [Tea, Skin Care]}
    purpose: Talk of {CATEGORY}.
    enter: count(product_viewed, where=category == "{CATEGORY}") >= 3
    action: {channels: [email], message: "{CATEGORY}, {cart.items}"}
  - {name: last, purpose: p, enter: in_segment("interest:skin_care")}
"""


def failure(text: str) -> str:
    with pytest.raises(DefinitionError) as caught:
        load_pack(text.encode(), "shop.yaml")
    return str(caught.value)


def test_there_is_a_definition_for_each_value_with_its_texts():
    found = load_pack(FILE.encode()).definitions
    assert list(found) == ["first", "interest:tea", "interest:skin_care", "last"]
    care = found["interest:skin_care"]
    assert (care.title, care.purpose) == ("Interested in Skin Care", "Talk of Skin Care.")
    assert care.enter == 'count(product_viewed, where=category == "Skin Care") >= 3'
    assert care.action.message == "Skin Care, {cart.items}"
    assert care.each == {}


def test_a_written_out_definition_is_the_same_version():
    whole = FILE.replace("    each: {CATEGORY: [Tea, Skin Care]}\n", "").replace(
        "interest:{CATEGORY}", "interest:tea").replace("{CATEGORY}", "Tea").replace(
        "interest:skin_care", "first")  # fmt: skip
    key = "interest:tea"
    assert load_pack(whole.encode()).versions[key] == load_pack(FILE.encode()).versions[key]


def test_several_names_are_every_combination():
    written = {"name": "{A}-{B}", "each": {"A": ["x", "y"], "B": ["1", "2"]}}
    found, origins = expand_each([{"name": "z"}, written], SEGMENTS_MAX)
    assert [each["name"] for each in found] == ["z", "x-1", "x-2", "y-1", "y-2"]
    assert origins == [0, 1, 1, 1, 1]


def test_lines_are_those_of_the_one_that_was_written():
    reading = Reading(FILE.encode(), "shop.yaml")
    assert reading.line("interest:tea", "enter") == reading.line("interest:skin_care", "enter") == 7
    assert reading.line("last") == 9


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (">= 3", ">= x", "shop.yaml:7: segments.1.enter: "),
        ("message:", "mesage:", "shop.yaml:8: segments.1.action.mesage: "),
        ("[Tea, Skin Care]", "Tea", "shop.yaml:5: segments.1.each.CATEGORY: needs a list"),
        ("[Tea, Skin Care]", "[]", "shop.yaml:5: segments.1.each.CATEGORY: needs a list"),
        ("[Tea, Skin Care]", "[Tea, 3]", "shop.yaml:5: segments.1.each.CATEGORY.1: 3 is no text"),
        ("[Tea, Skin Care]", "[Tea, Tea]", "shop.yaml:5: segments.1.each.CATEGORY: has a value"),
        ("[Tea, Skin Care]", "['\"']", "shop.yaml:5: segments.1.each.CATEGORY.0: '\"' has a quote"),
        ("{CATEGORY: [Tea, Skin Care]}", "[a]", "shop.yaml:5: segments.1.each: names values"),
        ("{CATEGORY: [", "{Category: [", "shop.yaml:5: segments.1.each.Category: 'Category' is no"),
        ("Interested in {CATEGORY}", "Of {SHELF}", "shop.yaml:4: segments.1.title: {SHELF} has no"),
        ("interest:{CATEGORY}", "interest", "shop.yaml:3: segments.1.name: gives several"),
        ("interest:{CATEGORY}", "'{CATEGORY}{x}'", "shop.yaml:3: segments.1.name: a name is 1"),
        ("Skin Care]", "tea]", "shop.yaml:3: segments.1.name: segment 'interest:tea' is defined"),
        ('in_segment("interest:skin_care")', "cart.itms > 0", "shop.yaml:9: segments.2.enter: "),
    ],
)
def test_what_is_wrong_is_said_with_its_line(before: str, after: str, says: str):
    assert failure(FILE.replace(before, after, 1)).startswith(says)


def test_segments_are_bounded_before_they_are_made():
    values = [f"v{n}" for n in range(100)]
    with pytest.raises(EachError, match="combinations; keep few"):
        expand_each([{"name": "{A}{B}", "each": {"A": values, "B": values}}], SEGMENTS_MAX)
    with pytest.raises(EachError, match="segments; keep few"):
        expand_each([{"name": f"{{A}}{n}", "each": {"A": values}} for n in range(3)], SEGMENTS_MAX)
