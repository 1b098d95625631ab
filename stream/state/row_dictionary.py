"""The zstd dictionary of packed rows: what they have in common is then in none of them.

It is a part of the row format, in `row_dictionary.bin`: without those very bytes no row of the
format can be read. It was trained on rows of the simulated shop with the built-in segments, in
which all that is the shop's own (ids, products, traits, instants) was made random first
(tests/state/dictionary.py). It knows the built-in segments and measures, and rows of others are
compressed by their structure alone.
"""

from __future__ import annotations

from importlib.resources import files

import zstandard
from zstandard import ZstdError

__all__ = ["ZstdError", "new_compressor", "new_decompressor"]

LEVEL = -1
"""3.0 us for 53% of the size; level 3 takes half as much again for 48%, level -5 2.1 us for 65%."""

_DICTIONARY = zstandard.ZstdCompressionDict(
    (files("stream.state") / "row_dictionary.bin").read_bytes(),
    dict_type=zstandard.DICT_TYPE_FULLDICT,
)
# Once: compressors go on reading what this makes, and making it anew would free it under them.
_DICTIONARY.precompute_compress(level=LEVEL)


def new_compressor() -> zstandard.ZstdCompressor:
    """Of frames without their magic number, checksum and dictionary's number: rows are many."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_checksum=False,
        write_content_size=True,
        write_dict_id=False,
    )
    return zstandard.ZstdCompressor(dict_data=_DICTIONARY, compression_params=parameters)


def new_decompressor() -> zstandard.ZstdDecompressor:
    """Its counterpart; both are for one thread."""
    return zstandard.ZstdDecompressor(
        dict_data=_DICTIONARY, format=zstandard.FORMAT_ZSTD1_MAGICLESS
    )
