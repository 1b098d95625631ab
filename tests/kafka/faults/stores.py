"""Faults of local stores: left by a crash, damaged, on a disk that is full."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

from tests.kafka.faults.round import Kind, Round

DISK_KB = 1024
"""A file system that the stores of two workers fit on, and little else."""


async def restart_on_store(round_: Round) -> None:
    """One is killed twice, and starts again on what its store had kept."""
    for share in (0.2, 0.6):
        await round_.sent(share)
        round_.kill(round_.pick())
        await round_.start()


async def damage_store(round_: Round) -> None:
    """One is killed, and its store is damaged before it starts again: set aside, and rebuilt."""
    await round_.sent(round_.random.uniform(0.2, 0.6))
    victim = round_.pick()
    files = _files(round_.folder_of(victim))
    round_.kill(victim)
    for file in round_.random.sample(files, max(1, len(files) // 3)):
        _damage(file, round_.random.getrandbits(32))
    await round_.start()
    round_.note_if_said("set aside")


async def mount_small_disk(round_: Round) -> None:
    """Before the start: the stores are on a small file system of their own."""
    assert round_.stores is not None
    if os.geteuid() != 0:
        round_.notes.append("not root: no file system of its own")
        return
    await _run("mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(round_.stores))
    round_.mounted = round_.stores


async def fill_disk(round_: Round) -> None:
    """The disk is full while one is killed and the other one needs stores for its partitions."""
    assert round_.stores is not None
    await round_.sent(round_.random.uniform(0.2, 0.5))
    filler = round_.stores / "filler"
    if round_.mounted is not None:
        _fill(filler)
    round_.kill(round_.pick())
    await asyncio.sleep(round_.random.uniform(4.0, 6.0))
    round_.note_if_said("No space left")
    filler.unlink(missing_ok=True)
    await round_.start()


def _files(folder: Path) -> list[Path]:
    """What a store is made of, without its lock."""
    return sorted(f for f in folder.rglob("*") if f.is_file() and f.name.lower() != "lock")


def _damage(file: Path, seed: int) -> None:
    """Cut a file short, or write over some of it."""
    data = bytearray(file.read_bytes())
    if seed % 3 == 0 or not data:
        file.write_bytes(data[: len(data) // 2])
        return
    at = seed % len(data)
    data[at : at + 64] = bytes(b ^ 0x5A for b in data[at : at + 64])
    file.write_bytes(data)


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            return


async def _run(*words: str) -> None:
    await asyncio.to_thread(subprocess.run, words, check=True, timeout=10)


KINDS = (
    Kind("stores", "rows on disk, SIGKILL of a worker twice", restart_on_store, on_disk=True),
    Kind("store damaged", "files of a killed worker's stores damaged", damage_store, on_disk=True),
    Kind(
        "disk full",
        "no space for local stores while a worker is killed",
        fill_disk,
        before=mount_small_disk,
        on_disk=True,
    ),
)
