"""What a customer's next point is worth."""

from __future__ import annotations

from itertools import pairwise

from stream.clock import DAY_MS, HOUR_MS
from stream.clustering.news import news


def test_news_grows_with_the_gap_from_nothing_to_a_whole_point():
    gaps = [0, 1_000, HOUR_MS, DAY_MS, 2 * DAY_MS, 30 * DAY_MS]
    values = [news(gap) for gap in gaps]
    assert values[0] == 0.0
    assert all(a < b for a, b in pairwise(values))
    assert values[3:5] == [0.5, 0.75]
    assert news(None) == 1.0
    assert news(-HOUR_MS) == 0.0
