"""What one partition has learned, as bytes: on its way to the merger and to the next owner."""

from __future__ import annotations

import msgspec

from stream.clock import DAY_MS

HALF_LIFE_MS = 30 * DAY_MS
"""After this long a point counts for half: a change of season shows within a month, and yet a
month of customers is always there to be clustered."""

SUMMARY_VERSION = 1


class UnreadableSummaryError(ValueError):
    """Bytes are no summary of micro-clusters, or one of a later version than this program's."""


class MicroCluster(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Moments of the points of one micro-cluster.

    weight   sum of the points' forward-decayed weights, relative to the summary's landmark
    centre   weighted mean of each feature
    scatter  weighted sum of squared deviations from the centre, of each feature

    Linear and squared sums follow (weight x centre, scatter + weight x centre^2); kept like this
    they lose no digits and come back exactly.
    """

    weight: float
    centre: tuple[float, ...]
    scatter: tuple[float, ...]


class Summary(msgspec.Struct, array_like=True, frozen=True):
    """What one partition has learned, and all that its learner needs to go on.

    Attributes
    ----------
    landmark_ms
        Instant at which a point weighs 1.
    last_ms
        Highest event time learned; divide weights by 2^((last_ms - landmark_ms) / half-life)
        to have them as of then.
    seen, learned, rejected
        Points offered so far; of them those learned from, and those longer than `LENGTH_MAX`.
    weight
        That of all micro-clusters.
    radius, room_made_at
        Distance within which a point joins the nearest micro-cluster, and `learned` as it was
        when room was last made.
    """

    version: int
    partition: int
    landmark_ms: int
    last_ms: int
    seen: int
    learned: int
    rejected: int
    weight: float
    radius: float
    room_made_at: int
    clusters: list[MicroCluster]


encode_summary = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Summary).decode


def decode_summary(content: bytes) -> Summary:
    """The summary in the bytes of `MicroLearner.summary`.

    Raises
    ------
    UnreadableSummaryError
        It is none, or of a version that this program does not know.
    """
    try:
        summary = _decode(content)
    except msgspec.DecodeError as error:
        raise UnreadableSummaryError(f"not a summary of micro-clusters: {error}") from None
    if summary.version != SUMMARY_VERSION:
        raise UnreadableSummaryError(
            f"summary of version {summary.version}, this program reads {SUMMARY_VERSION}"
        )
    return summary
