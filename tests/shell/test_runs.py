"""What a new run hears of the former one."""

from types import SimpleNamespace

from stream.engine.meta import ERASED_PREFIX
from stream.shell.runs import Progress, hear


def record(partition: int, key: bytes, value: bytes | None, at_ms: int) -> SimpleNamespace:
    return SimpleNamespace(partition=partition, key=key, value=value, timestamp=at_ms)


def test_of_a_markers_copies_the_newest_counts_whichever_is_read_first():
    key = ERASED_PREFIX + b"digest"
    stale, fresh = record(0, key, b"stale", 5), record(3, key, b"fresh", 8)
    for records in ([stale, fresh], [fresh, stale]):
        progress = Progress()
        hear(progress, {}, records)
        assert progress.erased == {key: b"fresh"}


def test_a_marker_that_is_gone_stays_gone():
    key = ERASED_PREFIX + b"digest"
    progress = Progress()
    hear(progress, {}, [record(3, key, None, 8), record(0, key, b"stale", 5)])
    assert progress.erased == {key: None}
