"""The local stores of a worker: one folder for each partition, all under one that is its alone.

FOLDER/lock                      held while the worker lives
FOLDER/partition-3/              a store
FOLDER/partition-3.aside-...     one that could not be used, with the reason
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aiokafka.errors import UnknownTopicOrPartitionError

from stream.engine.committed_rows import StoreBrokenError
from stream.events.topics import CHANGELOG
from stream.shell.local_store import LocalStore, StoreMemory, destroy
from stream.shell.metrics import Metrics
from stream.shell.row_keeping import StoreClosedError
from stream.shell.settings import SettingError, Settings
from stream.shell.store_header import ChangelogPlace, Refusal, StoreHeader, refusal
from stream.shell.tombstones import TOMBSTONES_USUAL_MS, tombstones_ms
from stream.shell.topic_ids import topic_ids

ASIDE_MAX = 2
"""Stores that are kept to be looked at, of all partitions: each may be as large as a store."""

ASIDE_KEPT_S = 7 * 86_400
"""And how long: they hold rows of people who may have asked to be erased since."""

ASIDE_BYTES_MAX = 1 << 30
"""Of all that are kept aside, once what replaces them has all that the changelog has: a partition
of a million rows. Before that they are kept whatever they take: nothing better is there."""

ASIDE_CHECKED_S = 3_600.0
"""How often a worker that runs for weeks looks for some that are too old."""

logger = logging.getLogger(__name__)


class LocalStores:
    """Opens, closes and sets aside the stores in one folder."""

    def __init__(
        self, settings: Settings, metrics: Metrics, broker_ms: Callable[[], int | None]
    ) -> None:
        assert settings.store_folder is not None
        self.folder = settings.store_folder
        self._settings = settings
        self._metrics = metrics
        self._broker_ms = broker_ms
        self._memory = StoreMemory(settings.store_cache_bytes)
        self._open: dict[int, LocalStore] = {}
        self._topic = settings.topic(CHANGELOG.name)
        self._topic_id = ""
        self._tombstones_ms = TOMBSTONES_USUAL_MS
        self._lock: int | None = None
        self._complete: set[int] = set()
        self._tidying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the folder, and learn from the broker what makes the changelog this one.

        Raises
        ------
        SettingError
            The folder cannot be used, or another process has it.
        KafkaError
            The broker does not answer now, and no store can be judged.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = locked(self.folder / "lock")
        except OSError as error:
            raise SettingError(
                "SHOAL_STORE_DIR", f"{self.folder} cannot be used: {error.strerror}"
            ) from error
        ids = await topic_ids(self._settings)
        if ids and self._topic not in ids:
            # A broker that has just come may not know of it yet. No store is of another one for it.
            raise UnknownTopicOrPartitionError(f"the broker does not name {self._topic} now")
        self._topic_id = ids.get(self._topic, "")
        self._tombstones_ms = await tombstones_ms(self._settings, self._topic)
        self._metrics.store_memory.set_function(lambda: self._memory.used_bytes)
        self._tidying = asyncio.create_task(self._tidy())

    async def stop(self) -> None:
        """Close what is open, and let go of the folder."""
        if self._tidying is not None:
            self._tidying.cancel()
            self._tidying = None
        for partition in list(self._open):
            await self.close(partition)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def open(self, partition: int, begin: int, end: int) -> LocalStore:
        """The store of a partition whose changelog goes from `begin` to `end`; it may be empty.

        One that cannot be used is set aside, and said why.

        Raises
        ------
        StoreFailedError, StoreLockedError
            The disk says no, or somebody else has it.
        """
        wanted = self._wanted(partition)
        now_ms = self._broker_ms() or int(time.time() * 1000)
        place = ChangelogPlace(
            begin=begin, end=end, now_ms=now_ms, tombstones_ms=self._tombstones_ms
        )
        try:
            store = self._opened(partition)
            refused = None if store.is_new else refusal(store.header, wanted, place)
        except StoreBrokenError as error:
            refused = Refusal("corrupt", f"it cannot be read: {error}")
        if refused is not None:
            self.set_aside(partition, refused)
            store = self._opened(partition)
        return store

    async def close(self, partition: int) -> None:
        """Write out a partition's store and let go of it."""
        store = self._open.pop(partition, None)
        if store is not None:
            # The disk may take its time; what fails to be written comes from the changelog.
            try:
                await asyncio.to_thread(store.close)
            except Exception as error:  # noqa: BLE001 whatever it is, the changelog has it all
                logger.warning("partition %d: its store did not close well: %s", partition, error)

    def set_aside(self, partition: int, refused: Refusal) -> None:
        """Take a store out of use, and keep it to be looked at, unless there are enough."""
        store = self._open.pop(partition, None)
        if store is not None:
            try:
                store.close()
            except Exception as error:  # noqa: BLE001 it is broken already
                logger.debug("partition %d: %s", partition, error)
        path = self._path(partition)
        aside = path.with_name(f"{path.name}.aside-{refused.word}-{int(time.time())}")
        while aside.exists():
            aside = aside.with_name(f"{aside.name}+")
        path.rename(aside)
        os.utime(aside)
        self._complete.discard(partition)
        self._metrics.stores_set_aside.labels(refused.word).inc()
        logger.error(
            "partition %d: its local store was set aside: %s. Its rows are restored from the "
            "changelog, nothing is lost and nothing need be done now. It is kept as %s for %d "
            "days, or until that is done where it takes more than %d MiB; look there for why if "
            "you did not expect it, or delete it",
            partition, refused.sentence, aside, ASIDE_KEPT_S // 86_400, ASIDE_BYTES_MAX >> 20,
        )  # fmt: skip
        self.discard_old()

    def completed(self, partition: int) -> None:
        """Hear that a store has all that the changelog has: what it replaces may go."""
        self._complete.add(partition)
        self.discard_old()

    async def _tidy(self) -> None:
        while True:
            self.discard_old()
            await asyncio.sleep(ASIDE_CHECKED_S)

    def _opened(self, partition: int) -> LocalStore:
        store = self._open.get(partition)
        if store is None:
            wanted = self._wanted(partition)
            store = LocalStore(self._path(partition), self._memory, wanted)
            self._open[partition] = store
            self._metrics.store_bytes.labels(str(partition)).set_function(lambda: _bytes_of(store))
        return store

    def _path(self, partition: int) -> Path:
        return self.folder / f"partition-{partition}"

    def _wanted(self, partition: int) -> StoreHeader:
        return StoreHeader(
            topic=self._topic,
            topic_id=self._topic_id,
            partition=partition,
            partitions=self._settings.partitions,
            incarnation=self._settings.incarnation,
        )

    def discard_old(self) -> None:
        """Delete stores set aside that are too many, too old or too large, the oldest first."""
        aside = sorted(self.folder.glob("partition-*.aside-*"), key=_changed_s, reverse=True)
        since_s = time.time() - ASIDE_KEPT_S
        taken = 0
        for number, path in enumerate(aside):
            size = _bytes_in(path)
            if number >= ASIDE_MAX or _changed_s(path) < since_s:
                why = "was set aside long enough"
            elif taken + size > ASIDE_BYTES_MAX and _partition_of(path) in self._complete:
                why = f"was set aside, is replaced and takes {size >> 20} MiB"
            else:
                taken += size
                continue
            destroy(path)
            logger.info("%s %s: it is deleted", path, why)


def _partition_of(aside: Path) -> int | None:
    number = aside.name.removeprefix("partition-").partition(".")[0]
    return int(number) if number.isdecimal() else None


def _bytes_in(folder: Path) -> int:
    """What its files take; somebody may be deleting them by hand."""
    taken = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            taken += file.stat().st_size
    return taken


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _bytes_of(store: LocalStore) -> int:
    """Its files; none of one that was closed."""
    try:
        return store.file_bytes
    except (StoreBrokenError, StoreClosedError):
        return 0


def locked(path: Path) -> int:
    """The file, locked for this process alone, with its number in it.

    Raises
    ------
    SettingError
        Another process has it.
    """
    opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(opened, 20).decode(errors="replace").strip()
        os.close(opened)
        raise SettingError(
            "SHOAL_STORE_DIR",
            f"process {holder or 'unknown'} has {path.parent}; give every worker a folder of its "
            "own, or end that process",
        ) from None
    os.ftruncate(opened, 0)
    os.write(opened, b"%d\n" % os.getpid())
    return opened
