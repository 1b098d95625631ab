"""The demo's child processes: what they are told, and what they said last."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

from stream.cli.failure import CommandFailedError
from stream.shell.child import start_child, stop_child
from stream.shell.settings import Settings

PATIENCE_S = 5.0
"""How long a child may take to finish its batch and leave; then it is killed."""


class Child:
    """A running process, with what it says kept for the case that it fails."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self._name = name
        self._process = process
        self._log = log

    def require_alive(self) -> None:
        """Check that it runs.

        Raises
        ------
        CommandFailedError
            It has ended; with its exit code and its last line.
        """
        code = self._process.poll()
        if code is not None:
            raise CommandFailedError(
                f"the {self._name} ended with exit code {code}: {self._last_words()}",
                "run it again",
            )

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"


@contextlib.contextmanager
def running(name: str, command: Sequence[str], settings: Settings) -> Iterator[Child]:
    """Run a command of Shoal with these settings for as long as the block lasts."""
    with tempfile.TemporaryFile() as log:
        process = start_child(command, env=environment(settings), output=log)
        try:
            yield Child(name, process, log)
        finally:
            stop_child(process, PATIENCE_S)


def environment(settings: Settings) -> dict[str, str]:
    """Ours, with nothing of another installation in it."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("SHOAL_")}
    return others | {
        "SHOAL_BROKER": settings.broker,
        "SHOAL_SHOP": settings.shop,
        "SHOAL_PARTITIONS": str(settings.partitions),
        "SHOAL_HTTP_HOST": settings.http_host,
        "SHOAL_HTTP_PORT": str(settings.http_port),
        "SHOAL_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
        "SHOAL_CREATE_TOPICS": "1",
        "SHOAL_CLUSTER_INTERVAL_S": "10",
        "SHOAL_LOG_LEVEL": "WARNING",
    }
