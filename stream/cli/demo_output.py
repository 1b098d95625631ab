"""The demo's three ways to show itself: a screen, plain lines, JSON lines."""

from __future__ import annotations

import json
import sys
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from stream.cli.demo_board import Board
from stream.cli.demo_view import picture, plain_line, status_line, summary
from stream.events.published import PublishedChange

STATUS_INTERVAL_S = 2.0

LINES_PER_DRAW_MAX = 20
"""Changes told one by one between two draws (160 a second); the rest is counted."""


class Show(Protocol):
    """A context manager around the run."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def see(self, change: PublishedChange, value: bytes) -> None:
        """A change has come."""

    def draw(self, now_s: float) -> None:
        """Show how things stand."""

    def summarise(self, now_s: float) -> None:
        """The last words, after the end."""


class Screen:
    """The live picture, on the terminal's second screen; the summary is left on the first."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._console = Console()
        self._live = Live(console=self._console, screen=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def see(self, change: PublishedChange, value: bytes) -> None:
        """The board has it already."""

    def draw(self, now_s: float) -> None:
        size = self._console.size
        self._live.update(picture(self._board, size.width, size.height, now_s), refresh=True)

    def summarise(self, now_s: float) -> None:
        print(summary(self._board, now_s))


class PlainLines:
    """For a pipe or a log: a status every 2 s, and the live changes one by one."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._status_s = float("-inf")
        self._told = 0
        self._untold = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def see(self, change: PublishedChange, value: bytes) -> None:
        if change.data.historic:
            return
        if self._told < LINES_PER_DRAW_MAX:
            print(plain_line(change))
            self._told += 1
        else:
            self._untold += 1

    def draw(self, now_s: float) -> None:
        if self._untold:
            print(f"... and {self._untold} more changes")
        self._told = self._untold = 0
        if now_s - self._status_s >= STATUS_INTERVAL_S:
            print(status_line(self._board, now_s))
            self._status_s = now_s
        sys.stdout.flush()

    def summarise(self, now_s: float) -> None:
        print(summary(self._board, now_s))


class JsonLines:
    """Every change as it stands on the topic, then one object with the counts."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def see(self, change: PublishedChange, value: bytes) -> None:
        sys.stdout.write(value.decode() + "\n")

    def draw(self, now_s: float) -> None:
        sys.stdout.flush()

    def summarise(self, now_s: float) -> None:
        board = self._board
        kinds = {
            f"{segment} {'entered' if came_in else 'exited'}": count
            for (segment, came_in), count in sorted(board.kinds.items())
        }
        counts = {
            "seconds": round(now_s - board.started_s, 1),
            "events": board.latest.done_count,
            "customers": board.customers_count,
            "changes": board.changes_count,
            "live_changes": board.live_changes_count,
            "kinds": kinds,
            "causes": dict(board.causes),
        }
        print(json.dumps({"summary": counts}))
