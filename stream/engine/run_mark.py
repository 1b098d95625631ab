"""Runs over the events beside each other: one serves, another may catch up to take its place.

A run is an incarnation with a log, rows and a clock of its own. The mark in its changelog says
what it may do: none, it serves and tells; `catching-up`, it folds and tells nothing; `retired`,
another one has taken its place, and nobody works on it any more.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from xxhash import xxh3_128_hexdigest

from stream.engine.effects import EngineStateError
from stream.state.row_parts import Spoken

RUN_KEY = b"\0run"
"""The mark's changelog key, which no customer can have."""

RUN_SEQUENCES = 1_000_000
"""Sequences of a customer's changes in one run: those of the next run begin behind them all."""


TURNS_MAX = 1_000
"""Segments of one customer that the difference of two runs can turn, and sequences kept for it."""

TRIES_MAX = 100
"""Times that the difference can be told anew before sequences run short: a switch that is not
interrupted takes one to four."""


class RunMark(msgspec.Struct, array_like=True, frozen=True):
    """What a run may do, and which run has taken its place.

    `tries` says how often telling the difference has begun.
    """

    state: Literal["catching-up", "retired"]
    successor: str = ""
    tries: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RunMark).decode


def pack_mark(mark: RunMark) -> bytes:
    return _encode(mark)


def read_mark(packed: bytes | None) -> RunMark | None:
    """The mark of a changelog; None: the run serves.

    Raises
    ------
    EngineStateError
        For one of a newer build.
    """
    try:
        return None if packed is None else _decode(packed)
    except msgspec.DecodeError as error:
        raise EngineStateError(
            f"the mark of this run does not decode ({error}); run the build that wrote it"
        ) from None


def check_mark(mark: RunMark | None, incarnation: str) -> None:
    """Refuse to work on a run that has ended.

    Raises
    ------
    EngineStateError
        Another run has taken its place.
    """
    if mark is not None and mark.state == "retired":
        raise EngineStateError(
            f"incarnation {incarnation} has ended, {mark.successor} serves in its place; set "
            f"SHOAL_INCARNATION={mark.successor}, with the partitions that it was begun with"
        )


def sequence_base(incarnation: str) -> int:
    """What a run adds to its sequences, so that readers who keep the greatest take its changes.

    >>> sequence_base("1"), sequence_base("3"), sequence_base("blue")
    (0, 2000000, 0)
    """
    if not incarnation.isdecimal():
        return 0
    return max(0, int(incarnation) - 1) * RUN_SEQUENCES


def first_between(incarnation: str, tries: int = 0, *, at_last: bool = False) -> int:
    """The first sequence of what a switch tells of a customer: between those of the two runs.

    What is told `at_last` comes after what was told ahead, and a later switch's after both.

    >>> first_between("2"), first_between("2", at_last=True), first_between("2", 1)
    (800000, 801000, 802000)
    """
    number = 2 * min(tries, TRIES_MAX - 1) + at_last
    return sequence_base(incarnation) + (number - 2 * TRIES_MAX) * TURNS_MAX


def started_id(customer: str, incarnation: str, spoken: Spoken) -> str:
    """The id of the event by which a run told that it started an action."""
    facts = f"{spoken.sequence}\0{spoken.segment}\0{spoken.time_ms}\0{spoken.definition}"
    return xxh3_128_hexdigest(f"{customer}\0{incarnation}\0action\0{facts}".encode())
