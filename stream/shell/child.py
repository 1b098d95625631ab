"""Child processes that do not outlive their parent, however it ends.

On Linux the kernel kills the child when the parent dies, SIGKILL included (`PR_SET_PDEATHSIG`).
It is set by a small program that then becomes the child: a `preexec_fn` would run Python between
fork and exec, which is unsafe beside threads. Elsewhere an ordinary end of the parent still ends
the child by the `with` around it; only SIGKILL of the parent leaves it behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

# Exits at once when the parent was gone before the kernel was told to watch it.
_BECOME = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]): os._exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def start_child(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `command` as a child of this process, with `output` for its stdout and stderr.

    To be called from a thread that lives as long as the process: Linux watches the thread. The
    child is a process group of its own, so that Ctrl-C on the terminal reaches the parent alone
    and the order of ending is the parent's to choose.

    Raises
    ------
    OSError
        The program cannot be started (outside Linux; there it shows as exit code 1).
    """
    words = list(command)
    if sys.platform == "linux":
        words = [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), *words]
    return subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=None if env is None else dict(env),
        start_new_session=True,
    )


def stop_child(child: subprocess.Popen[bytes], patience_s: float) -> int:
    """End the child: SIGTERM, and SIGKILL when `patience_s` have passed. Returns its exit code."""
    if child.poll() is None and patience_s > 0:
        child.terminate()
        try:
            return child.wait(patience_s)
        except subprocess.TimeoutExpired:
            pass
    child.kill()
    return child.wait()
