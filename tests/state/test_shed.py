"""A row that is full lets go of something by its rule, and each bound counts what it sheds.

The bounds are written here as numbers: a bound that is moved is moved in the table, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from stream.clock import DAY_MS
from stream.engine.identity import _point
from stream.events import records as r
from stream.state import shed as table
from stream.state.dedupe import merge_ids, remember
from stream.state.filled import note
from stream.state.fold import fold
from stream.state.kept import Kept
from stream.state.merge import merge
from stream.state.messages import respond
from stream.state.row import Row
from stream.state.row_parts import Orders, Voice
from stream.state.shed import take_shed
from stream.state.voice import merge_voice, note_start
from stream.state.windows import add_step, add_value
from tests.engine.lane import Lane, definitions
from tests.state.shopping import (
    HOUR,
    MINUTE,
    START_MS,
    added,
    cart_seen,
    consent,
    head,
    identified,
    message,
    order,
    page,
    product,
    row_after,
    thing,
)


@pytest.fixture(autouse=True)
def nothing_before() -> Iterator[None]:
    take_shed()
    yield
    take_shed()


def wished(at_ms: int, sku: str) -> r.WishlistChanged:
    return r.WishlistChanged(**head(at_ms), action="added", item=thing(sku))


def ids(count: int) -> Row:
    row = Row()
    for number in range(count):
        remember(row, number + 1, START_MS + number)
    return row


def steps() -> None:
    kept: Kept | None = None
    for number in range(9):
        kept = add_step(kept, START_MS + number, is_second=False, within_ms=HOUR)


def values() -> None:
    kept: Kept | None = None
    for number in range(65):
        kept = add_value(kept, START_MS + number, f"v{number}", 0)
    assert "v0" not in kept.latest  # type: ignore[union-attr]


def filled() -> None:
    marks: dict[str, list[int]] = {}
    for number in range(65):
        note(marks, "m", number)
    assert marks["m"][0] == 1


def spoken(row: Row, prefix: str, count: int) -> Row:
    voice = row.voice = Voice()
    for number in range(count):
        note_start(voice, f"{prefix}{number}", START_MS + number)
    return row


def ways() -> None:
    row = Row()
    for number in range(9):
        _point(row, f"t{number}", START_MS + number)
    assert row.ways[0][0] == "t1"


def media() -> None:
    row = Row()
    for number in range(9):
        respond(row, message(START_MS + number, "unsubscribed", f"m{number}"))
    assert row.messages is not None
    assert len(row.messages.unsubscribed) == 8


def words() -> None:
    """33 yeses: the last finds no room. A no takes the place of the oldest yes."""
    row = row_after(*(consent(START_MS + n, **{f"p{n}": True}) for n in range(33)))
    assert "/p32" not in row.consent
    fold(row, consent(START_MS + 99, marketing=False))
    assert "/p0" not in row.consent


def full_cart() -> None:
    row = row_after(*(added(START_MS + n, f"s{n}") for n in range(51)))
    assert row.cart is not None
    assert "s0" not in row.cart.lines
    assert row.cart.items == 50


def seen_cart() -> None:
    row_after(cart_seen(START_MS, *(thing(f"s{n}") for n in range(53))))


def looks() -> None:
    """21 products looked at twice each, in turns of two: seen ones stay among the latest 20."""
    row = Row()
    for n in range(21):
        fold(row, product(START_MS + 2 * n, f"s{n}"))
        fold(row, product(START_MS + 2 * n + 1, f"s{n}"))
    assert "s0" not in row.looks


def orders() -> None:
    row = row_after(*(order(START_MS + n * MINUTE, f"{n}", 10) for n in range(33)))
    assert row.orders is not None
    assert row.orders.count == 33
    assert len(row.orders.recent) == 32


def traits() -> None:
    row = row_after(identified(START_MS, **{f"t{n}": n for n in range(52)}))
    assert set(row.traits) == {f"t{n}" for n in range(50)}


def channels() -> None:
    row = row_after(*(page(START_MS + n, channel=f"c{n}") for n in range(9)))
    assert "c8" not in row.channels


def waiting() -> None:
    """17 actions of one customer that all wait for consent."""
    action = "action: {channels: [email], consent: marketing, enabled: true}"
    names = [f"name: s{n:02}, enter: orders.count >= 1, priority: {n}, {action}" for n in range(17)]
    lane = Lane(definitions(*names))
    lane.put("c", order(START_MS, "1"))
    voice = lane.row("c").voice
    assert voice is not None
    assert "s00" not in voice.waiting
    assert lane.effects[-1].shed == {"actions_waiting": 1}
    table.shed("actions_waiting")


BY_PART: dict[str, tuple[Callable[[], object], int]] = {
    "message_ids": (lambda: ids(1_025), 512),
    "cart_lines": (full_cart, 1),
    "products_viewed": (
        lambda: row_after(*(product(START_MS + n, f"s{n}") for n in range(23))),
        3,
    ),
    "wishes": (lambda: row_after(*(wished(START_MS + n, f"s{n}") for n in range(21))), 1),
    "orders": (orders, 1),
    "traits": (traits, 2),
    "channels": (channels, 1),
    "media": (media, 1),
    "consent_words": (words, 2),
    "values": (values, 1),
    "steps": (steps, 1),
    "pasts_filled": (filled, 1),
    "voice_channels": (lambda: spoken(Row(), "c", 17), 1),
    "actions_waiting": (waiting, 1),
    "ways": (ways, 1),
}


@pytest.mark.parametrize("part", BY_PART)
def test_a_bound_counts_what_it_sheds(part: str):
    fill, count = BY_PART[part]
    fill()
    assert take_shed()[part] == count


def test_first_looks_are_counted():
    looks()
    assert take_shed() == {"products_viewed": 1, "first_looks": 1}


def test_the_end_of_a_whole_cart_is_counted():
    seen_cart()
    assert take_shed() == {"cart_lines": 3}


def test_the_table_has_every_part():
    """And nothing else: the parts of the table are those that these tests shed."""
    parts = re.findall(r"^    ([a-z_]+) +\d", table.__doc__ or "", re.MULTILINE)
    assert set(parts) == {*BY_PART, "first_looks"}


def test_what_fits_sheds_nothing():
    row_after(*(added(START_MS + n, f"s{n}") for n in range(50)))
    ids(1_024)
    row = Row()
    for day in range(3):
        remember(row, day + 1, START_MS + day * DAY_MS)
    assert take_shed() == {}


def test_a_merge_counts_what_does_not_fit_into_one_row():
    row = row_after(
        identified(START_MS, **{f"a{n}": n for n in range(50)}),
        *(added(START_MS + n, f"a{n}") for n in range(50)),
        *(product(START_MS + n, f"a{n}") for n in range(20)),
        *(order(START_MS - HOUR - n, f"a{n}") for n in range(32)),
        *(page(START_MS, channel=f"a{n}") for n in range(8)),
        *(wished(START_MS + n, f"a{n}") for n in range(20)),
    )
    other = row_after(
        identified(START_MS, b=1),
        added(START_MS, "b"),
        product(START_MS, "b"),
        order(START_MS - HOUR, "b"),
        page(START_MS, channel="b"),
        wished(START_MS, "b"),
    )
    merge(row, other, "other")
    assert take_shed() == {
        "traits": 1, "cart_lines": 1, "products_viewed": 1, "orders": 1, "channels": 1, "wishes": 1
    }  # fmt: skip
    assert row.orders is not None
    assert row.orders.count == Orders().count + 33


def test_a_merge_counts_ids_and_channels_of_the_voice():
    one, other = ids(1_024), Row()
    for number in range(200):
        remember(other, 10_000 + number, START_MS + number)
    for number in range(400):
        remember(one, 20_000 + number, START_MS + 5_000 + number)
    take_shed()
    merge_ids(one, other)
    merge_voice(spoken(Row(), "a", 16), spoken(Row(), "b", 2))
    assert take_shed() == {"voice_channels": 2}


def test_what_a_batch_sheds_is_told_with_it_and_a_dead_record_sheds_nothing():
    lane = Lane(definitions("name: buyer, enter: orders.count >= 1"))
    full = [added(START_MS + n, f"s{n}") for n in range(52)]
    lane.put("c", *full)
    assert lane.effects[-1].shed == {"cart_lines": 2}
    lane.put("c", added(START_MS + 100, "t"), b"\xc1", added(START_MS + 101, "u"))
    assert lane.effects[-1].shed == {"cart_lines": 2}
    lane.put("c", page(START_MS + 200))
    assert lane.effects[-1].shed == {}
