"""The bytes of what a partition has learned."""

from __future__ import annotations

import msgspec
import pytest

from stream.clustering.micro import MicroLearner
from stream.clustering.summary import SUMMARY_VERSION, UnreadableSummaryError, decode_summary


def test_bytes_that_are_no_summary_are_told_from_those_of_a_later_version():
    later = msgspec.structs.replace(
        decode_summary(MicroLearner(0).summary()), version=SUMMARY_VERSION + 1
    )
    with pytest.raises(UnreadableSummaryError, match="version 2"):
        MicroLearner.from_summary(msgspec.msgpack.encode(later))
    with pytest.raises(UnreadableSummaryError, match="not a summary"):
        decode_summary(b"\x93\x01\x02\x03")
