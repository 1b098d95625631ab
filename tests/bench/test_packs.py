"""What the benchmark's definitions are: of many kinds, reached, or not touched at all."""

from __future__ import annotations

from collections import Counter

import pytest

from stream.engine.settings import EngineSettings
from stream.events import records as r
from stream.segments.pack import load_pack
from stream.simulation.offline import Offline
from tests.bench.kinds import MIXED, TURNS, UNTOUCHED
from tests.bench.log import plan_for
from tests.bench.offline import well_formed
from tests.bench.packs import is_touched, pack_of, pack_size
from tests.bench.segments import COUNTS, newcomers, untouching

PLAIN = (r.PageViewed, r.ProductViewed, r.ProductClicked, r.ListViewed, r.ProductsSearched,
         r.CartAdded, r.CartRemoved, r.CartViewed, r.CheckoutStepped, r.OrderCompleted)  # fmt: skip
"""Looking, carts, checkouts and orders."""


@pytest.fixture(scope="module")
def decoded():
    values = (event.value for event in plan_for(5_000).simulated())
    return sorted(well_formed(values, None), key=lambda one: one.time_ms)


@pytest.mark.parametrize("built_in", [False, True])
@pytest.mark.parametrize("extra", [0, 1, *COUNTS])
def test_a_pack_has_so_many_definitions_and_all_differ(extra: int, built_in: bool):
    pack = load_pack(pack_of(UNTOUCHED, extra, built_in=built_in))
    assert len(pack.definitions) == extra + built_in * pack_size()
    own = list(pack.definitions.values())[-extra:] if extra else []
    assert len({one.enter for one in own}) == extra


def test_every_one_of_the_mixed_definitions_is_entered_by_somebody(decoded):
    text = pack_of(MIXED, len(MIXED) * TURNS, built_in=True)
    offline = Offline(EngineSettings(), text)
    entered: Counter[str] = Counter()
    for one in decoded:
        entered.update(change.segment for change in offline.apply(one) if change.entered)
    entered.update(change.segment for change in offline.finish() if change.entered)
    extra = list(load_pack(text).definitions)[pack_size() :]
    assert len(extra) == 100
    assert [name for name in extra if not entered[name]] == []


def test_half_of_the_untouched_definitions_are_of_all_kinds():
    names = list(load_pack(pack_of(UNTOUCHED, COUNTS[1], built_in=False)).definitions)
    assert {name.rpartition("_")[0] or name for name in names} >= {
        kind.name for kind in UNTOUCHED if "{EACH}" not in kind.enter
    }


def test_what_customers_look_at_and_buy_touches_none_of_the_untouched_definitions(decoded):
    pack = load_pack(pack_of(UNTOUCHED, COUNTS[-1], built_in=False))
    assert [record.__name__ for record in PLAIN if is_touched(pack, record)] == []
    assert is_touched(pack, r.OrderRefunded)
    assert is_touched(pack, r.Custom)
    plain = untouching(decoded)
    assert {type(one.record) for one in plain} >= set(PLAIN)
    assert len(plain) > 0.85 * len(decoded)
    offline = Offline(EngineSettings(), pack_of(UNTOUCHED, COUNTS[-1], built_in=False))
    assert [change for one in plain for change in offline.apply(one)] == []
    assert not any(row.windows for _, row in offline.engine.store.rows())


def test_newcomers_are_all_decided_for_the_first_time(decoded):
    log = newcomers(untouching(decoded)[-300:])
    offline = Offline(EngineSettings(), pack_of(UNTOUCHED, 0, built_in=True))
    for one in log:
        offline.apply(one)
    offline.finish()
    rows = [row for _, row in offline.engine.store.rows()]
    assert [row.events for row in rows] == [1] * 300
