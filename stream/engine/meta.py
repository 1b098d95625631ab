"""The meta record of a partition: where it stands, committed with every batch."""

from __future__ import annotations

import msgspec

from stream.engine.effects import EngineStateError

META_KEY = b"\0meta"
POPULATION_KEY = b"\0population"
VERSION_PREFIX = b"\0version/"
ERASED_PREFIX = b"\0erased/"
"""Changelog keys that no customer can have: ids hold no NUL (decoding refuses it)."""

META_FORMAT = 1


class SourceState(msgspec.Struct, array_like=True):
    """What routing keeps of a source.

    max_time_ms   highest event time seen, or when history ended; 0 for none
    broker_ms     broker's time of the latest record, from which idleness is counted
    event_ms      highest event time seen
    partitions    of the customers' log; with another number customers have other partitions
    raw_id        the broker's own id of the raw topic that the offset is of; "": not told
    log_id        that of the customers' log
    """

    next_offset: int = 0
    max_time_ms: int = 0
    broker_ms: int = 0
    event_ms: int = 0
    partitions: int = 0
    raw_id: str = ""
    log_id: str = ""


class Announced(msgspec.Struct, array_like=True):
    """A version on the timeline; its content has a changelog key of its own.

    `begun_ms` is the broker's time of the record by which the clock reached it; 0: not yet.
    `kept_ms` is since when rows keep the measures that are in force with it.
    """

    number: int
    kind: str
    name: str
    active_ms: int
    begun_ms: int = 0
    kept_ms: dict[str, int] = {}


class Meta(msgspec.Struct, array_like=True):
    """Where the partition stands after a batch.

    versions     on the timeline, those in force at its start first
    base_number  number of the context that holds those in force
    """

    format: int = META_FORMAT
    next_offset: int = 0
    clock_ms: int = -1
    source: SourceState | None = None
    versions: list[Announced] = []
    base: list[Announced] = []
    base_number: int = 0
    open_day: int = 0
    deltas: dict[int, dict[str, dict[int, int]]] = {}
    backlog_ms: int = 0
    incarnation: str = "1"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Meta)


def pack_meta(meta: Meta) -> bytes:
    return _encoder.encode(meta)


def unpack_meta(packed: bytes) -> Meta:
    """The meta record of a changelog.

    Raises
    ------
    EngineStateError
        For one of a newer format, or bytes that are none.
    """
    try:
        meta = _decoder.decode(packed)
    except msgspec.DecodeError as error:
        raise EngineStateError(
            f"the meta record does not decode ({error}); point SHOAL_APP at a new name to rebuild"
        ) from None
    if meta.format != META_FORMAT:
        raise EngineStateError(
            f"the meta record has format {meta.format}, this build reads {META_FORMAT}; "
            "run the build that wrote it"
        )
    return meta
