"""What the peers run on, made once in the user's cache folder: a venv, jars, compiled Java."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.kafka.broker import KAFKA_VERSION, kafka_libraries

PEERS = Path(__file__).parent / "peers"
ROCKSDB_VERSION = "9.7.3"
"""The one that Kafka Streams 4.1.0 is made for."""

INSTALL_TIMEOUT_S = 600.0


class PeerUnavailableError(RuntimeError):
    """What a peer needs cannot be had on this machine; the benchmark goes on without it."""


def quix_python() -> Path:
    """Python of the environment that has Quix Streams."""
    requirements = PEERS / "quix.txt"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"

    def make(home: Path) -> None:
        _run([sys.executable, "-m", "venv", str(home)])
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        _run([*pip, "-r", str(requirements)])

    return _made(f"quix-py{version}-{_hash(requirements)}", make) / "bin" / "python"


def streams_class_path() -> str:
    """The class path of `KeyedCount`: Kafka Streams, what it needs, and the compiled class."""
    source = PEERS / "KeyedCount.java"
    # The broker's jars have the client, Jackson, compression and logging in the same releases.
    libraries = kafka_libraries()

    def make(home: Path) -> None:
        for artifact in (
            f"org.apache.kafka:kafka-streams:{KAFKA_VERSION}",
            f"org.rocksdb:rocksdbjni:{ROCKSDB_VERSION}",
        ):
            copy = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}"]
            _run([*copy, f"-DoutputDirectory={home}"])
        _run(["javac", "-cp", f"{home}/*:{libraries}/*", "-d", str(home), str(source)])

    home = _made(f"kafka-streams-{KAFKA_VERSION}-{_hash(source)}", make)
    return f"{home}:{home}/*:{libraries}/*"


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name, made anew unless it was made completely before."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "shoal" / name
    stamp = home / ".made"
    if not stamp.exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        make(home)
        stamp.touch()
    return home


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _run(words: list[str]) -> None:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
        )
    except FileNotFoundError:
        raise PeerUnavailableError(f"{words[0]} is missing") from None
    except subprocess.TimeoutExpired:
        raise PeerUnavailableError(f"{words[0]} took over {INSTALL_TIMEOUT_S:.0f} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-500:]
        raise PeerUnavailableError(f"{' '.join(words[:4])} failed: {said}")
