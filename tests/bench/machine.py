"""The machine that numbers come from, the core that a contender has to itself, and its CPU time."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from stream import __version__
from stream.engine import partition
from tests.bench.rates import Sample

PACKAGES = ("faust-streaming", "aiokafka", "msgspec", "orjson", "river")
_STAT = Path("/proc/stat")
_CPU_INFO = Path("/proc/cpuinfo")
_MEMORY_INFO = Path("/proc/meminfo")


class Cores:
    """One core for whoever is measured, the others for the broker and this process.

    Where affinity cannot be set (macOS), or there is one core, everybody shares all of them and
    `are_apart` is False.
    """

    def __init__(self) -> None:
        self.all = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
        self.measured = min(self.all, default=0)
        self.rest = self.all - {self.measured}
        self.are_apart = bool(self.rest)

    def leave_one(self) -> None:
        """Keep this process, and what it starts, off the measured core."""
        if self.are_apart:
            os.sched_setaffinity(0, self.rest)

    @contextmanager
    def measured_core(self) -> Iterator[None]:
        """What is started within is bound to the measured core: a child inherits affinity."""
        if not self.are_apart:
            yield
            return
        os.sched_setaffinity(0, {self.measured})
        try:
            yield
        finally:
            os.sched_setaffinity(0, self.rest)

    def busy_s(self) -> float | None:
        """CPU seconds that anybody has used of the measured core since the machine started."""
        if not _STAT.exists():
            return None
        wanted = f"cpu{self.measured}"
        for line in _STAT.read_text().splitlines():
            name, *ticks = line.split()
            if name == wanted:
                user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
                busy = user + nice + system + irq + softirq + steal
                return busy / os.sysconf("SC_CLK_TCK")
        return None


class Unpinned(Cores):
    """What is started by these is left where this process may run: off the measured core."""

    @contextmanager
    def measured_core(self) -> Iterator[None]:
        """Bind to nothing."""
        yield


def cpu_s(pid: int) -> float | None:
    """CPU seconds of a process with all its threads; None where there is no /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command, in parentheses, may contain blanks; utime and stime are fields 14 and 15.
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own_sample(cores: Cores, events: int) -> Sample:
    """What this process, on the measured core, has done by now."""
    return Sample(time.time(), events, time.process_time(), cores.busy_s())


def peak_mb(pid: int) -> float | None:
    """The most memory that a process has had resident, in MB; None where there is no /proc."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    peaks = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) * 1024 / 1e6 if peaks else None


def describe(cores: Cores, kafka: str) -> dict[str, str]:
    """What the table says of the machine."""
    shared = "every process on all cores"
    return {
        "cpu": _first_value(_CPU_INFO, "model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _first_value(_MEMORY_INFO, "MemTotal") or "unknown",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "pinning": (
            f"measured process on core {cores.measured}, broker and the rest on {cores.rest}"
            if cores.are_apart
            else shared
        ),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        "java": _java_version(),
        "kafka": kafka,
        "shoal": f"{_commit()}, {_form()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _commit() -> str:
    """The commit that is measured, `-dirty` where the files differ from it."""
    words = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, cwd=Path(__file__).parent
        )
    except OSError:
        return __version__
    return done.stdout.strip() or __version__


def _form() -> str:
    """Whether the hot path is Python or extension modules (`make compiled`)."""
    file = Path(partition.__file__ or "")
    return "pure Python" if file.suffix == ".py" else f"compiled, from {file.parents[2]}"


def _first_value(path: Path, name: str) -> str | None:
    if not path.exists():
        return None
    lines = path.read_text().splitlines()
    values = [line.partition(":")[2].strip() for line in lines if line.startswith(name)]
    return values[0] if values else None


def _java_version() -> str:
    try:
        done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    except OSError:
        return "none"
    return (done.stderr.splitlines() or ["unknown"])[0]
