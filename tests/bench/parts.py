"""What the parts of the benchmark share: what they are given, and how one says that it failed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from aiokafka.errors import KafkaError
from rich.console import Console

from tests.bench.contenders import Bench
from tests.bench.installed import PeerUnavailableError
from tests.bench.log import LogFacts, LogPlan, plan_for
from tests.bench.machine import Cores
from tests.bench.options import Options
from tests.bench.rates import TooFewCommitsError
from tests.bench.report import Figure
from tests.bench.watch import ContenderFailedError
from tests.kafka.broker import BrokerUnavailableError, discard, lasting_broker

CHILD_TIMEOUT_S = 400.0

FAILURES = (
    PeerUnavailableError,
    ContenderFailedError,
    TooFewCommitsError,
    BrokerUnavailableError,
    TimeoutError,
    KafkaError,
    OSError,
    subprocess.SubprocessError,
)
"""What a part may end with: the table says so, and the others go on."""


@dataclass(frozen=True)
class Context:
    """What every part is given: options, the cores, where to tell how far it is, and results."""

    options: Options
    cores: Cores
    console: Console
    results: Path

    def plan(self) -> LogPlan:
        """The log that contenders read."""
        options = self.options
        return plan_for(options.events, options.customers, options.mix)

    def tell(self, words: str) -> None:
        """Say how far the benchmark is."""
        self.console.print(words, highlight=False, markup=False)


@dataclass
class Measured:
    """What a section gives: figures, the log that they are of, and a note to the table."""

    figures: list[Figure]
    note: str = ""
    log: LogFacts | None = None


@dataclass(frozen=True)
class Section:
    """A section of the table.

    parts  names by which its figures are asked for; those of a section share what they need
    run    measures the wanted ones of these
    """

    name: str
    parts: tuple[str, ...]
    run: Callable[[Context, list[str]], Measured]


@contextmanager
def running_broker(cores: Cores) -> Iterator[Bench]:
    """A real Kafka with nothing in it, on the cores that are not measured."""
    broker = lasting_broker().start()
    try:
        folder = broker.folder / "runs"
        folder.mkdir()
        yield Bench(broker.address, LogFacts.none(), cores, folder)
    finally:
        discard(broker)


def child_output(cores: Cores, module: str, *words: str) -> bytes:
    """What a process of its own on the measured core prints.

    Raises
    ------
    subprocess.SubprocessError
        It took too long, or failed.
    """
    with cores.measured_core():
        process = subprocess.Popen([sys.executable, "-m", module, *words], stdout=subprocess.PIPE)
    try:
        output, _ = process.communicate(timeout=CHILD_TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, [module])
    return output


T = TypeVar("T")


def decoded_child(cores: Cores, type_: type[T], module: str, *words: str) -> T:
    """What such a process prints as JSON."""
    return msgspec.json.decode(child_output(cores, module, *words), type=type_)
