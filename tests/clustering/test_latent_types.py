"""Clusters against the simulated shop's latent types: as good as batch k-means, and what it costs.

Run it with `-s` to see the figures. Truth is the simulator's; the batch k-means and the agreement
are computed apart from the program, on the customers' present vectors.
"""

from __future__ import annotations

import time
from importlib.resources import files

import numpy as np
import pytest

from stream.clock import DAY_MS, instant_ms
from stream.clustering.macro import merge
from stream.clustering.micro import MicroLearner
from stream.clustering.model import decode_model
from stream.engine.settings import EngineSettings
from stream.engine.telling import has_behaviour
from stream.events.envelope import decode
from stream.features.vector import DIMENSIONS, vector
from stream.simulation.offline import Offline
from stream.simulation.traffic import TrafficConfig, generate, truths
from tests.clustering.mixtures import ari, batch_kmeans

START_MS = instant_ms("2026-03-02T00:00:00Z")
PARTITIONS = 2
SEEDS = range(5)


@pytest.fixture(scope="module")
def config() -> TrafficConfig:
    return TrafficConfig(seed=5, customers=900, start_ms=START_MS, days=21)


def test_clusters_agree_with_latent_types_as_well_as_batch_kmeans_does(
    config: TrafficConfig,
) -> None:
    offline = Offline(EngineSettings(), files("stream.segments").joinpath("pack.yaml").read_bytes())
    offline.keep_learned = True
    decoded = sorted((decode(e.value, 0, None) for e in generate(config)), key=lambda d: d.time_ms)
    for event in decoded:
        for _ in offline.apply(event):
            pass
    for _ in offline.finish(START_MS + int(config.days) * DAY_MS):
        pass

    learners = [MicroLearner(partition) for partition in range(PARTITIONS)]
    began_s = time.process_time()
    for number, point in enumerate(offline.learned):
        learners[number % PARTITIONS].learn_one(point.vector, point.time_ms, point.weight)
    learning_s = time.process_time() - began_s
    content = merge([learner.summary() for learner in learners], None, DIMENSIONS)
    assert content is not None
    model = decode_model(content)

    kinds = {who: truth["type"] for truth in truths(config) for who in _ids(truth)}
    engine = offline.engine
    known = [
        (kinds[key.decode()], vector(row))
        for key, row in sorted(engine.store.rows())
        if row.forward_to is None and has_behaviour(row) and key.decode() in kinds
    ]
    truth, points = [kind for kind, _ in known], [point for _, point in known]
    ours = [model.assign(point, None)[0] for point in points]
    batches = [batch_kmeans(np.array(points), len(model.ids), seed) for seed in SEEDS]
    batch = [ari(truth, labels) for labels in batches]
    among = [ari(batches[0], labels) for labels in batches[1:]]
    mine = ari(truth, ours)
    print(
        f"\n{len(known)} customers, {len(set(truth))} latent types, {len(model.ids)} clusters"
        f"\nARI to the latent types: ours {mine:.3f}, batch k-means {min(batch):.3f} to "
        f"{max(batch):.3f}; batch k-means seed to seed {min(among):.3f} to {max(among):.3f}"
        f"\nlearning: {len(offline.learned)} points of {len(decoded)} raw events, "
        f"{learning_s / len(decoded) * 1e6:.2f} us per raw event"
    )
    assert len(known) > 500
    assert mine >= max(batch) - 0.1


def _ids(truth: dict[str, object]) -> list[str]:
    """All ids of a customer of the truth file."""
    anonymous = truth["anonymous_ids"]
    assert isinstance(anonymous, list)
    user = truth["user_id"]
    return [*anonymous, *([user] if isinstance(user, str) else [])]
