"""Workers that run lines of ours before their own: what they meet, or how long they wait."""

from __future__ import annotations

import textwrap
from pathlib import Path

IMPATIENT = """
    import stream.shell.settings as telling

    telling.STALL_S_MIN = 1
"""


def lines_first(folder: Path, *parts: str) -> dict[str, str]:
    """Variables by which a worker runs these lines; they are written into the folder."""
    lines = "".join(textwrap.dedent(part) for part in parts)
    folder.joinpath("sitecustomize.py").write_text(lines)
    return {"PYTHONPATH": str(folder)}


def ends_after(stall_s: int, folder: Path, *parts: str) -> dict[str, str]:
    """As `lines_first`, for a worker that ends itself sooner than any setting lets it."""
    return lines_first(folder, IMPATIENT, *parts) | {"SHOAL_STALL_S": str(stall_s)}
