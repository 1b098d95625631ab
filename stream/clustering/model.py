"""The frozen cluster model: announced as a version, and what customers are assigned against."""

from __future__ import annotations

from itertools import repeat
from math import dist
from typing import NamedTuple

import msgspec

STAY_RATIO = 0.85
"""A customer moves only to a cluster that is nearer than this times the distance to the present
one: the vector of a customer who goes on as before jitters by a few per cent of that distance, and
15% keeps those who live on a border where they are."""

MODEL_VERSION = 1


class UnreadableModelError(ValueError):
    """Bytes are no cluster model, or one of a later version than this program's."""


class Trait(NamedTuple):
    """A feature that sets a cluster apart, and on which side of everybody's mean it lies."""

    feature: str
    high: bool


class ClusterModel(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """Four to six clusters, frozen. Its bytes are the content of a version.

    Attributes
    ----------
    features
        What the numbers of a vector mean, in order. Whoever activates a model compares them with
        its own once: a model of other features assigns nobody.
    ids, names, traits, centroids, weights, spreads
        One entry a cluster. An id stays with its cluster over versions and is never given twice;
        a name says what sets it apart ("high orders, low discount"), its traits say so as data;
        a weight is the faded number of points that it stands for, a spread their root mean square
        distance to the centroid.
    next_number
        The number of the next new cluster's id.
    as_of_ms
        Highest event time that was learned.
    """

    version: int = MODEL_VERSION
    features: tuple[str, ...]
    ids: tuple[str, ...]
    names: tuple[str, ...]
    traits: tuple[tuple[Trait, ...], ...]
    centroids: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    spreads: tuple[float, ...]
    next_number: int
    as_of_ms: int

    def assign(self, vector: tuple[float, ...], current_id: str | None) -> tuple[str, float]:
        """The customer's cluster, and the distance to its centroid.

        The present cluster is kept unless another is nearer by `STAY_RATIO`; one that the model
        does not have counts as none. Among equals the first one wins. Costs about 2 us for 6
        clusters of 10 features.

        Raises
        ------
        ValueError
            The vector is not as long as `features`.

        Examples
        --------
        >>> model = ClusterModel(features=("orders",), ids=("c1", "c2"), names=("few", "many"),
        ...                      traits=((), ()), centroids=((0.0,), (1.0,)), weights=(1.0, 1.0),
        ...                      spreads=(0.1, 0.1), next_number=3, as_of_ms=0)
        >>> model.assign((0.52,), None)[0], model.assign((0.52,), "c1")[0]
        ('c2', 'c1')
        >>> model.assign((0.6,), "c1")
        ('c2', 0.4)
        """
        distances = list(map(dist, repeat(vector), self.centroids))
        nearest_distance = min(distances)
        nearest_id = self.ids[distances.index(nearest_distance)]
        if current_id is not None and current_id != nearest_id and current_id in self.ids:
            current_distance = distances[self.ids.index(current_id)]
            if nearest_distance >= STAY_RATIO * current_distance:
                return current_id, current_distance
        return nearest_id, nearest_distance


encode_model = msgspec.msgpack.Encoder().encode
"""The content of the version that announces a model; equal models have equal bytes."""

_decode = msgspec.msgpack.Decoder(ClusterModel).decode


def decode_model(content: bytes) -> ClusterModel:
    """The model in the content of a version; decode once and keep it.

    Raises
    ------
    UnreadableModelError
        It is none, or of a version that this program does not know.
    """
    try:
        model = _decode(content)
    except msgspec.DecodeError as error:
        raise UnreadableModelError(f"not a cluster model: {error}") from None
    if model.version != MODEL_VERSION:
        raise UnreadableModelError(
            f"cluster model of version {model.version}, this program reads {MODEL_VERSION}"
        )
    return model
