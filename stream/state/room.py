"""How much a row keeps of the past for conditions, at most: texts, sums, bytes.

A measure's largest size follows from its kind (windows.py). Packed, a time or sum is 9 bytes, a
character 4, a number below 2**32 is 5, and a key with its frame 32:

    tally      count, sum, two times, two texts              582
    buckets    number, count and sum of each         19 a bucket, 1,286 with 64, 4,934 with 256
    values     64 texts with a time each                  17,184
    steps      twice 8 times                                 208

Definitions that could need more than `ROW_BYTES_MAX` in all are refused, so what is kept of a
customer fits into a record of the changelog, whatever happens.
"""

from __future__ import annotations

from typing import Final

from xxhash import xxh3_64_hexdigest

DISTINCT_MAX: Final = 64
"""Different values kept; of more the ones longest not seen go, so a count stops there."""

STEPS_MAX: Final = 8
"""Latest first and second steps kept of a sequence, to pair what comes late."""

TEXT_MAX: Final = 64
"""Characters kept of a text; a longer one is its beginning and a hash, so it stays different."""

SUM_MAX: Final = 2**62
"""No sum goes beyond it, so that every one fits into 64 bits."""

ROW_BYTES_MAX = 256 * 1024
"""Of all measures of a row: as many counts and sums of windows as there can be (pack.MEASURES_MAX),
53 of them that look back four times their length, or 15 of different values."""

MILLION: Final = 1_000_000

_TEXT_BYTES = 3 + 4 * TEXT_MAX
_BYTES_MAX = {
    "tally": 64 + 2 * _TEXT_BYTES,
    "values": 32 + DISTINCT_MAX * (_TEXT_BYTES + 9),
    "steps": 64 + 2 * STEPS_MAX * 9,
}


def bytes_max(kind: str, kept_ms: int, resolution_ms: int) -> int:
    """What a measure of a kind can take of a row; `kept_ms` is how far back a window looks.

    >>> bytes_max("buckets", 64_000, 1_000), bytes_max("values", 0, 0), bytes_max("steps", 0, 0)
    (1286, 17184, 208)
    """
    if kind == "buckets":
        return 32 + 19 * (kept_ms // resolution_ms + 2)
    return _BYTES_MAX[kind]


def kept_text(value: str) -> str:
    """A text as it is kept: a long one is its beginning and a hash.

    >>> len(kept_text("x" * 64)), len(kept_text("x" * 65)), kept_text("x" * 65)[-17:]
    (64, 64, '~f98431abcf1929f2')
    """
    if len(value) <= TEXT_MAX:
        return value
    return f"{value[: TEXT_MAX - 17]}~{xxh3_64_hexdigest(value.encode())}"


def millionths(value: float) -> int:
    """A number as sums hold it."""
    return round(max(-1e12, min(1e12, value)) * MILLION)


def within_bits(total: int) -> int:
    """The sum, or the nearest that fits."""
    return max(-SUM_MAX, min(SUM_MAX, total))
