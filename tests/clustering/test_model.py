"""The frozen model: assignment with hysteresis, and its bytes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.clustering.model import (
    MODEL_VERSION,
    STAY_RATIO,
    ClusterModel,
    Trait,
    UnreadableModelError,
    decode_model,
    encode_model,
)

LINE = ClusterModel(
    features=("x", "y"),
    ids=("c1", "c4", "c9"),
    names=("low x", "high x", "high y"),
    traits=((Trait("x", high=False),), (Trait("x", high=True),), (Trait("y", high=True),)),
    centroids=((0.0, 0.0), (1.0, 0.0), (0.0, 2.0)),
    weights=(100.0, 50.5, 12.25),
    spreads=(0.2, 0.1, 0.15),
    next_number=10,
    as_of_ms=1_767_225_600_000,
)

coordinates = st.floats(-3.0, 3.0)


def distance(vector: tuple[float, float], cluster_id: str) -> float:
    x, y = LINE.centroids[LINE.ids.index(cluster_id)]
    return float(((vector[0] - x) ** 2 + (vector[1] - y) ** 2) ** 0.5)


def test_a_customer_without_a_cluster_goes_to_the_nearest():
    assert LINE.assign((0.9, 0.3), None) == ("c4", pytest.approx(0.1**0.5))


def test_a_customer_on_the_border_stays():
    # 0.54 from c1 and 0.46 from c4: a ratio of 0.852, no more than the border allows.
    assert LINE.assign((0.54, 0.0), "c1") == ("c1", pytest.approx(0.54))
    assert LINE.assign((0.54, 0.0), "c4") == ("c4", pytest.approx(0.46))


def test_a_customer_who_is_clearly_nearer_to_another_cluster_moves():
    assert LINE.assign((0.55, 0.0), "c1") == ("c4", pytest.approx(0.45))


def test_a_cluster_that_the_model_does_not_have_holds_nobody():
    assert LINE.assign((0.54, 0.0), "c2")[0] == "c4"


def test_among_equally_near_clusters_the_first_wins():
    assert LINE.assign((0.5, 0.0), None)[0] == "c1"


def test_a_vector_of_other_features_is_refused():
    with pytest.raises(ValueError, match="same"):
        LINE.assign((0.5,), None)


@given(coordinates, coordinates, st.sampled_from([None, *LINE.ids, "gone"]))
def test_nobody_is_far_from_the_nearest_and_a_second_look_changes_nothing(
    x: float, y: float, current_id: str | None
):
    nearest = min(distance((x, y), cluster_id) for cluster_id in LINE.ids)
    chosen_id, found = LINE.assign((x, y), current_id)
    assert found == pytest.approx(distance((x, y), chosen_id))
    assert nearest >= STAY_RATIO * found or found == pytest.approx(nearest)
    assert LINE.assign((x, y), chosen_id) == (chosen_id, found)


def test_a_model_comes_back_from_its_bytes():
    assert decode_model(encode_model(LINE)) == LINE


def test_bytes_that_are_no_model_are_told_from_those_of_a_later_version():
    later = msgspec.structs.replace(LINE, version=MODEL_VERSION + 1)
    with pytest.raises(UnreadableModelError, match="version 2"):
        decode_model(encode_model(later))
    with pytest.raises(UnreadableModelError, match="not a cluster model"):
        decode_model(b"\x80")
