"""A cluster model of the right shape, for tests that only need one in force."""

from __future__ import annotations

from random import Random

from stream.clustering.model import ClusterModel, encode_model
from stream.features.vector import DIMENSIONS


def any_model(random: Random) -> bytes:
    rest = (0.3,) * (len(DIMENSIONS) - 1)
    ids = tuple(f"c{random.randrange(5)}{n}" for n in range(4))
    return encode_model(
        ClusterModel(
            features=DIMENSIONS, ids=ids, names=ids, traits=((),) * 4,
            centroids=tuple((n / 4, *rest) for n in range(4)),
            weights=(1.0,) * 4, spreads=(0.1,) * 4, next_number=9, as_of_ms=0,
        )
    )  # fmt: skip
