"""One partition's committed rows on disk: a RocksDB in a folder of its own.

1. It is written when a transaction has committed, and by restores, in one write with the offset of
   the changelog up to which it is complete. So it is the changelog's state at that offset, or has
   some rows that are newer, which the changelog brings again.
2. There is no write-ahead log: memory tables are written out in their order, so what a crash leaves
   is the state at an earlier offset, and the changelog has the rest.
3. Customers' keys are text and begin with neither 00 nor FF. What begins with 00 is the
   partition's own: the header, and the changelog's records that are no rows. FF alone comes last:
   RocksDB's iterators end at what they cannot read as they end at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from inspect import GEN_CLOSED, getgeneratorstate
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DbClosedError,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteBufferManager,
    WriteOptions,
)

from stream.engine.committed_rows import StoreBrokenError
from stream.shell.row_keeping import (
    Records,
    StoreClosedError,
    StoreFailedError,
    StoreLockedError,
)
from stream.shell.store_header import StoreHeader

T = TypeVar("T")

HEADER_KEY = b"\0\0header"
FIRST_ROW = b"\1"
LAST_KEY = b"\xff"

WRITE_BUFFER_SHARE = 4
"""One part in so many of the memory allowed is for what is not yet written out."""

WRITE_BUFFER_BYTES = 16 << 20
"""Of one store at most, of two that it may have: some 15,000 rows, which a crash takes."""

BLOCK_BYTES = 4 << 10
INDEX_BLOCK_BYTES = 4 << 10
"""Index and filters are cut and cached in pieces too: whole, the filter of one file is larger than
the part of a small cache where it goes, and every read would bring it anew (0.17 ms)."""

FILTER_BITS = 10
"""A key: one in a hundred new customers costs a look into a file."""

OPEN_FILES_MAX = 512
"""Of one store: 32 GB. Beyond it files are opened for a read: 0.15 ms instead of 0.02."""

BACKGROUND_JOBS = 2
SLOWDOWN_FILES = 60
STOP_FILES = 120
"""Files of the first level before writes wait for compaction. They would wait with the interpreter
held, heartbeats included; a restore of the whole changelog piles up a few dozen."""

REWRITTEN_WITHIN_S = 86_400
"""Files are written anew after that. What was deleted or written over is in them as long at most,
and before that as long as it takes to write the deletion out: the clock alone fills a memory table
in hours."""

MANIFEST_BYTES = 64 << 10
"""It names the files, each with its first and last key. Beyond this, and at each opening, it is
written anew: the key of an erased customer goes with it."""

INFO_LOG_BYTES = 1 << 20
INFO_LOGS = 2


CLOSING = ("Shutdown in progress", "Operation aborted")
"""RocksDB's words for what a close has cut off. Nothing is wrong with the files."""


class StoreMemory:
    """What all of a process's stores may take together: one cache, one bound for what is unwritten.

    `bytes_max` is for both. Index and filters of the files count too.
    """

    def __init__(self, bytes_max: int) -> None:
        buffers = bytes_max // WRITE_BUFFER_SHARE
        self.cache = Cache(bytes_max - buffers)
        self.buffers = WriteBufferManager(buffers, False)
        self.buffer_bytes = max(1 << 20, min(WRITE_BUFFER_BYTES, buffers // 2))

    @property
    def used_bytes(self) -> int:
        """What they take now."""
        return int(self.cache.get_usage() + self.buffers.get_usage())


class LocalStore:
    """The rows of one partition; what the engine reads below its own (`CommittedRows`).

    Parameters
    ----------
    path
        Its folder; made when there is none.
    memory
        Shared by all stores of the process.
    new
        What a store says of itself in which nothing was written yet.

    Raises
    ------
    StoreLockedError
        It is open already.
    StoreBrokenError
        It cannot be read.
    StoreFailedError
        The disk says no.
    """

    def __init__(self, path: Path, memory: StoreMemory, new: StoreHeader) -> None:
        self.path = path
        self._scans: list[Generator[Any, None, None]] = []
        self._unlogged = WriteOptions()
        self._unlogged.disable_wal = True  # type: ignore[method-assign, assignment]  # an attribute
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._db = _tried(lambda: Rdict(str(path), _options(memory)))
        within = {"periodic_compaction_seconds": str(REWRITTEN_WITHIN_S)}
        _tried(lambda: self._db.set_options(within))
        found = self._read_header()
        self.header = found or new
        self.is_new = found is None
        if self.is_new:
            self.write(((LAST_KEY, b""),), new)

    # What the engine reads

    def get(self, key: bytes) -> bytes | None:
        """One row; None: there is none."""
        try:
            found: bytes | None = self._db.get(key)
        except Exception as error:
            raise _explained(error) from error
        return found

    def keys(self) -> Iterator[bytes]:
        """The keys of all rows as of this call, in their order."""
        return self._scan(_keys(_tried(lambda: self._db.keys(from_key=FIRST_ROW))))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All rows with their keys as of this call, in the order of the keys."""
        return self._scan(_items(_tried(lambda: self._db.items(from_key=FIRST_ROW))))

    # What the shell does

    def control(self) -> list[tuple[bytes, bytes]]:
        """The changelog's records that are no rows: where it stands, and versions."""
        found: list[tuple[bytes, bytes]] = []
        records: Iterator[Any] = _tried(self._db.items)
        for key, value in records:
            if key >= FIRST_ROW:
                return found
            if key != HEADER_KEY:
                found.append((key, value))
        raise StoreBrokenError("its beginning cannot be read")

    def write(self, records: Records, header: StoreHeader) -> None:
        """Take records of the changelog, committed ones, and what is true after them; all or none.

        Costs 2 us a row, and 2 more beside, when it is written out.
        """
        batch = WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in records:
            if value is None:
                delete(key)
            else:
                put(key, value)
        put(HEADER_KEY, msgspec.msgpack.encode(header))
        _tried(lambda: self._db.write(batch, self._unlogged))
        self.header = header

    def close(self) -> None:
        """Write out what is in memory and let go of the folder; the second time, nothing."""
        # An iterator that is left would keep the folder locked.
        for scan in self._scans:
            scan.close()
        try:
            self._db.flush()
            self._db.close()
        except DbClosedError:
            return
        except Exception as error:
            self._db.close()
            raise _explained(error) from error

    @property
    def file_bytes(self) -> int:
        """What it takes on disk."""
        name = "rocksdb.total-sst-files-size"
        return int(_tried(lambda: self._db.property_int_value(name)) or 0)

    def _read_header(self) -> StoreHeader | None:
        packed = self.get(HEADER_KEY)
        if packed is None:
            return None
        try:
            return msgspec.msgpack.decode(packed, type=StoreHeader)
        except msgspec.DecodeError as error:
            raise StoreBrokenError(f"its header does not decode: {error}") from error

    def _scan(self, scan: Generator[T, None, None]) -> Iterator[T]:
        self._scans = [one for one in self._scans if getgeneratorstate(one) != GEN_CLOSED]
        self._scans.append(scan)
        return scan


def destroy(path: Path) -> None:
    """Delete a store that nobody has open."""
    shutil.rmtree(path, ignore_errors=True)


def _keys(found: Iterator[Any]) -> Generator[bytes, None, None]:
    for key in found:
        if key == LAST_KEY:
            return
        yield key
    raise StoreBrokenError("its rows cannot be read to their end")


def _items(found: Iterator[Any]) -> Generator[tuple[bytes, bytes], None, None]:
    for pair in found:
        if pair[0] == LAST_KEY:
            return
        yield pair
    raise StoreBrokenError("its rows cannot be read to their end")


def _tried(work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception as error:
        raise _explained(error) from error


def _explained(error: Exception) -> Exception:
    """The binding knows one kind of error: RocksDB's words begin with what it is."""
    words = str(error)
    if isinstance(error, DbClosedError) or words.startswith(CLOSING):
        return StoreClosedError("it was closed")
    if words.startswith("IO error") and "lock" in words.lower():
        return StoreLockedError(words)
    # What the system refuses to the binding itself, such as space, has the system's number instead.
    if (words.startswith("IO error") or "(os error " in words) and "No such file" not in words:
        return StoreFailedError(words)
    return StoreBrokenError(words)


def _options(memory: StoreMemory) -> Options:
    tables = BlockBasedOptions()
    tables.set_block_cache(memory.cache)
    tables.set_block_size(BLOCK_BYTES)
    tables.set_bloom_filter(FILTER_BITS, False)
    tables.set_index_type(BlockBasedIndexType.two_level_index_search())
    tables.set_partition_filters(True)
    tables.set_metadata_block_size(INDEX_BLOCK_BYTES)
    tables.set_cache_index_and_filter_blocks(True)
    tables.set_pin_top_level_index_and_filter(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(tables)
    options.set_write_buffer_manager(memory.buffers)
    options.set_write_buffer_size(memory.buffer_bytes)
    options.set_max_write_buffer_number(2)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_max_open_files(OPEN_FILES_MAX)
    options.set_max_background_jobs(BACKGROUND_JOBS)
    options.set_level_zero_slowdown_writes_trigger(SLOWDOWN_FILES)
    options.set_level_zero_stop_writes_trigger(STOP_FILES)
    options.set_max_manifest_file_size(MANIFEST_BYTES)
    options.set_max_log_file_size(INFO_LOG_BYTES)
    options.set_keep_log_file_num(INFO_LOGS)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    return options
