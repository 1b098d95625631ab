"""The section `consent`: what it means, and what is wrong with it in one line."""

from __future__ import annotations

import pytest

from stream.events.consent import CATEGORIES, CHANNELS
from stream.segments.pack import Pack, load_pack
from stream.segments.source import DefinitionError
from stream.state.consents import TRAITS

SEGMENTS = """segments:
  - {name: a, purpose: p, enter: cart.items > 0, needs: news, action: {consent: survey}}
"""


def pack(categories: str = "", traits: str = "") -> Pack:
    text = f"consent:\n  categories: {{{categories}}}\n  traits: {{{traits}}}\n{SEGMENTS}"
    return load_pack(text.encode(), "shop.yaml")


def test_words_of_the_shop_mean_purposes_on_channels():
    found = pack(
        "Werbung: marketing, Mailing List: [email/news, post/survey], Post & Co: sale",
        "refuses: not sale",
    )
    assert found.voice.meanings == (
        (
            ("/werbung", ("/marketing",)),
            ("/mailing list", ("email/news", "post/survey")),
            ("post/& co", ("/sale",)),
        ),
        (("refuses", "/sale", False),),
    )


def test_a_file_without_it_means_nothing_more():
    assert load_pack(SEGMENTS.encode()).voice.meanings is None
    assert pack().voice.meanings is None


@pytest.mark.parametrize(
    ("categories", "traits", "complaint"),
    [
        ("Werbung: marketng", "", "no definition asks for; did you mean marketing?"),
        ("Werbung: cheese", "", "there are marketing, profiling, sale, news, survey"),
        ("Werbung: e-mail/news", "", "'e-mail' is no channel; did you mean email?"),
        ("Werbung: tv/news", "", "'tv' is no channel; there are ads, app, email,"),
        ("Werbung: ''", "", "'' is no purpose; write one like marketing"),
        ("Werbung: not sale", "", "'not sale' is no purpose"),
        ("Werbung: []", "", "means nothing; write a purpose"),
        ("Werbung: 5", "", "write a text, or a list of texts"),
        ("a: news, Werbung: [news, 5]", "", "consent.categories.Werbung: Expected `str`"),
        ("Werbung: {a: b}", "", "write a text, or a list of texts"),
        ("Werbung: marketing, WERBUNG: sale", "", "written twice, in another case; keep one"),
        ("'': marketing", "", "write its name, of 1 to 64 letters"),
        (f"{'w' * 65}: marketing", "", "write its name, of 1 to 64 letters"),
        ("Marketing: news", "", "'Marketing' has its meaning already, marketing; take it out"),
        ("C0004: news", "", "retargeting/marketing and ads/marketing; take it out"),
        ("sms_marketing: news", "", "already, sms/marketing; take it out"),
        ("", "email_opt_in: news", "'email_opt_in' has its meaning already; take it out"),
        ("", "emailOptIn: news", "'emailOptIn' has its meaning already; take it out"),
        ("", "x: not", "no definition asks for"),
        ("", "x: true", "write a text, in quotes"),
        ("", "a: news, x: [news]", "consent.traits.x: Expected `str`, got `array`"),
        (", ".join(f"c{n}: news" for n in range(33)), "", "names more than 32"),
        ("", ", ".join(f"t{n}: news" for n in range(51)), "names more than 50"),
    ],
)
def test_an_error_has_its_line_its_field_and_what_to_do(
    categories: str, traits: str, complaint: str
):
    with pytest.raises(DefinitionError) as refused:
        pack(categories, traits)
    said = str(refused.value)
    field = "categories" if categories else "traits"
    line = 2 if categories else 3
    assert said.startswith(f"shop.yaml:{line}: consent.{field}"), said
    assert complaint in said
    assert "\n" not in said


def test_a_mistyped_field_is_answered_with_the_near_one():
    with pytest.raises(DefinitionError, match="did you mean categories"):
        load_pack(f"consent: {{categorys: {{}}}}\n{SEGMENTS}".encode())


@pytest.mark.parametrize(
    "word", [*sorted(CATEGORIES), *sorted(CHANNELS), "sale", "profiling", "email_marketing"]
)
def test_what_is_known_already_cannot_mean_another_thing(word: str):
    with pytest.raises(DefinitionError, match="has its meaning already"):
        pack(f"{word}: news")


@pytest.mark.parametrize("trait", TRAITS)
def test_a_known_trait_cannot_mean_another_thing(trait: str):
    with pytest.raises(DefinitionError, match="has its meaning already"):
        pack("", f"{trait}: news")
