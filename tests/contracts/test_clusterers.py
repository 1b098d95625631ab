"""What the clusterer of a partition promises, whatever it is built on.

River's checks for estimators leave clusterers out, so these are our own: the same bytes under any
hash seed and after any restart, a bounded state, nothing shared between two of them, and learning
that does not depend on who looks.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.clustering.macro import merge
from stream.clustering.micro import MICRO_MAX, MicroLearner
from stream.clustering.model import decode_model
from stream.clustering.summary import decode_summary
from tests.clustering.mixtures import FEATURES, START_MS, shoppers, vectors

PROGRAM = """
import hashlib
from stream.clustering.macro import merge
from stream.clustering.micro import MicroLearner
from tests.clustering.mixtures import FEATURES, START_MS, shoppers, vectors

learners = [MicroLearner(partition) for partition in range(3)]
for i, point in enumerate(vectors(shoppers(5, 5, 1500)[0])):
    learners[i % 3].learn_one(point, START_MS + i)
summaries = [learner.summary() for learner in learners]
model = merge(summaries, None, FEATURES)
print(hashlib.sha256(b"".join([*summaries, model])).hexdigest())
"""

points_of_two = st.tuples(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
gaps_ms = st.integers(-40, 40).map(lambda days: days * 86_400_000)
streams = st.lists(st.tuples(points_of_two, gaps_ms, st.floats(0.0, 1.0)), max_size=120)

Stream = list[tuple[tuple[float, float], int, float]]


def learn(learner: MicroLearner, stream: Stream, time_ms: int) -> int:
    for point, gap_ms, weight in stream:
        time_ms += gap_ms
        learner.learn_one(point, time_ms, weight)
    return time_ms


def digest_under(hash_seed: str, project_root: Path) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(project_root)}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=project_root,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


def test_the_hash_seed_changes_no_byte(project_root: Path):
    digests = {digest_under(seed, project_root) for seed in ("0", "4242")}
    assert len(digests) == 1
    assert len(digests.pop()) == 64


@settings(max_examples=60, deadline=None)
@given(streams, streams)
def test_a_restart_in_between_changes_no_byte(before: Stream, after: Stream):
    straight = MicroLearner(2)
    time_ms = learn(straight, before, START_MS)
    restarted = MicroLearner.from_summary(straight.summary())
    assert restarted.summary() == straight.summary()
    learn(straight, after, time_ms)
    learn(restarted, after, time_ms)
    assert restarted.summary() == straight.summary()


@settings(max_examples=60, deadline=None)
@given(streams)
def test_whatever_comes_the_state_stays_bounded_and_its_numbers_sane(stream: Stream):
    learner = MicroLearner(0)
    learn(learner, stream, START_MS)
    summary = decode_summary(learner.summary())
    assert len(summary.clusters) <= MICRO_MAX
    assert summary.learned <= summary.seen == len(stream)
    for kept in summary.clusters:
        assert kept.weight > 0.0
        assert all(scatter >= 0.0 for scatter in kept.scatter)
        assert all(-2.0 <= centre <= 2.0 for centre in kept.centre)


def test_looking_changes_nothing():
    points = vectors(shoppers(6, 5, 900)[0])
    seen, unseen = MicroLearner(0), MicroLearner(0)
    for i, point in enumerate(points):
        seen.learn_one(point, START_MS + i)
        unseen.learn_one(point, START_MS + i)
        if i % 100 == 99:
            content = merge([seen.summary()], None, FEATURES)
            if content is not None:
                decode_model(content).assign(point, "c1")
    assert seen.summary() == unseen.summary()


def test_two_partitions_share_nothing():
    points = vectors(shoppers(7, 4, 400)[0])
    alone, beside, other = MicroLearner(1), MicroLearner(1), MicroLearner(2)
    for i, point in enumerate(points):
        alone.learn_one(point, START_MS + i)
        beside.learn_one(point, START_MS + i)
        other.learn_one(point[::-1], START_MS + 7 * i)
    assert beside.summary() == alone.summary()
    assert other.summary() != alone.summary()


@pytest.mark.parametrize("factor", [0.01, 1.0, 100.0])
def test_the_scale_of_the_features_does_not_matter_to_what_belongs_together(factor: float):
    """Nothing is tuned to a unit: the radius follows the points."""
    points, _ = shoppers(8, 5, 1_500)
    learner, scaled = MicroLearner(0), MicroLearner(0)
    for i, (point, larger) in enumerate(
        zip(vectors(points), vectors(points * factor), strict=True)
    ):
        learner.learn_one(point, START_MS + i)
        scaled.learn_one(larger, START_MS + i)
    plain, stretched = (decode_summary(one.summary()) for one in (learner, scaled))
    assert abs(len(plain.clusters) - len(stretched.clusters)) <= 4
    assert stretched.radius == pytest.approx(plain.radius * factor, rel=0.05)
