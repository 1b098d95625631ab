"""What learning, assigning and merging cost, as numbers: `pytest -m bench -s tests/clustering`."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from stream.clustering.drift import DriftSignal
from stream.clustering.macro import merge
from stream.clustering.micro import STRIDE_MAX, MicroLearner
from stream.clustering.model import decode_model
from tests.clustering.mixtures import FEATURES, START_MS, shoppers, vectors

pytestmark = pytest.mark.bench

POINTS = vectors(shoppers(1, 6, 20_000)[0])


def microseconds_each(count: int, work: Callable[[], object]) -> float:
    """The least of three rounds."""
    rounds = []
    for _ in range(3):
        started = time.process_time()
        work()
        rounds.append(time.process_time() - started)
    return min(rounds) / count * 1e6


def learned(points: list[tuple[float, ...]], partition: int = 0) -> MicroLearner:
    learner = MicroLearner(partition)
    for i, point in enumerate(points):
        learner.learn_one(point, START_MS + 1_009 * i)
    return learner


def test_learning_a_point():
    small = POINTS[:8_000]
    each = microseconds_each(len(small), lambda: learned(small))
    print(f"\nlearn one point, every point learned: {each:.1f} us")
    assert each > 0.0


def test_learning_on_a_busy_partition():
    learner = learned(POINTS)
    for i, point in enumerate(POINTS * 5):
        learner.learn_one(point, START_MS + 1_009 * (len(POINTS) + i))
    at_ms = START_MS + 1_009 * 6 * len(POINTS)

    def offer() -> None:
        for i, point in enumerate(POINTS):
            learner.learn_one(point, at_ms + 1_009 * i)

    each = microseconds_each(len(POINTS), offer)
    print(f"\nlearn one point, one in {STRIDE_MAX} sampled: {each:.2f} us")
    assert each > 0.0


def test_assigning_a_customer():
    content = merge([learned(POINTS[:5_000]).summary()], None, FEATURES)
    assert content is not None
    model = decode_model(content)
    current = model.ids[-1]

    def assign() -> None:
        for point in POINTS:
            model.assign(point, current)

    each = microseconds_each(len(POINTS), assign)
    print(
        f"\nassign to one of {len(model.ids)} clusters of {len(FEATURES)} features: {each:.2f} us"
    )
    signal = DriftSignal()

    def watch() -> None:
        for point in POINTS:
            signal.update(point[0])

    print(f"drift signal: {microseconds_each(len(POINTS), watch):.2f} us")
    assert each > 0.0


def test_merging_and_restoring():
    summaries = [learned(POINTS[p::8], p).summary() for p in range(8)]
    first = merge(summaries, None, FEATURES)
    each = microseconds_each(1, lambda: merge(summaries, first, FEATURES)) / 1_000
    print(f"\nmerge 8 partitions: {each:.0f} ms; a summary has {len(summaries[0]):,} bytes")
    restoring = microseconds_each(1, lambda: MicroLearner.from_summary(summaries[0]))
    print(f"restore a partition: {restoring / 1_000:.1f} ms")
    assert first is not None
