"""Try it: a simulated shop, a broker and a worker, live."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from stream.cli.demo_board import Board
from stream.cli.demo_children import running
from stream.cli.failure import CommandFailedError
from stream.shell.embedded import HOST, SESSION_TIMEOUT_MS, EmbeddedBroker, EmbeddedBrokerError
from stream.shell.settings import Settings

if TYPE_CHECKING:
    from stream.cli.demo_output import Show

PARTITIONS = 4
"""More than one, so that what crosses partitions is shown; few, since one worker has them all."""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal demo`."""
    parser = subparsers.add_parser(
        "demo",
        help=__doc__,
        description="Starts a broker in memory, a worker and a simulated shop. The shop's last "
        "weeks are played at full speed, then it goes on live: watch customers enter and leave "
        "segments, and why. Needs nothing but this machine, and leaves nothing behind.",
        epilog="example: shoal demo --seconds 60",
    )
    parser.add_argument(
        "--seconds", type=float, metavar="N", help="end after so long; default: on Ctrl-C"
    )
    parser.add_argument("--customers", type=int, default=600, help="default: %(default)s")
    parser.add_argument("--days", type=float, default=14.0, help="of history; default: %(default)g")
    parser.add_argument(
        "--rate", type=float, default=100.0, help="live events a second; default: %(default)g"
    )
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--json", action="store_true", help="changes as CloudEvents, one a line, then a summary"
    )


def run(args: argparse.Namespace) -> int:
    """Run until SIGINT, SIGTERM or the time is up; 1 when a part of it ends by itself."""
    if args.customers < 1 or args.days <= 0 or args.rate <= 0:
        raise CommandFailedError("there is no such shop", "customers, days and rate are above 0", 2)
    if args.seconds is not None and args.seconds <= 0:
        raise CommandFailedError("--seconds must be above 0", "leave it out to run on", 2)
    board = Board(started_s=time.monotonic())
    if not args.json:
        print("Starting a broker, a worker and a shop. Ctrl-C ends them.", flush=True)
    try:
        with EmbeddedBroker() as broker:
            show = _play(args, board, broker.address)
    except EmbeddedBrokerError as error:
        raise CommandFailedError(error.what, error.then) from error
    show.summarise(time.monotonic())
    return 0


def _play(args: argparse.Namespace, board: Board, broker: str) -> Show:
    settings = Settings(
        broker=broker,
        shop="demo",
        partitions=PARTITIONS,
        http_host=HOST,
        http_port=_free_port(),
        session_timeout_ms=SESSION_TIMEOUT_MS,
    )
    command = [sys.executable, "-m", "stream.cli.main", "worker"]
    with running("worker", command, settings) as worker:
        # The worker takes a second to load its libraries; ours are loaded meanwhile.
        from stream.cli.demo_output import JsonLines, PlainLines, Screen
        from stream.cli.demo_run import DemoRun

        lines = JsonLines if args.json else PlainLines
        show: Show = lines(board) if args.json or not sys.stdout.isatty() else Screen(board)
        traffic = [str(part) for part in (args.customers, args.days, args.rate, args.seed)]
        asyncio.run(DemoRun(settings, traffic, args.seconds, board).run(worker, show))
    return show


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
