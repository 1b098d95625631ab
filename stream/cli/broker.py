"""The embedded broker alone, for development."""

from __future__ import annotations

import argparse
import json
import signal
from typing import Any

from stream.cli.failure import CommandFailedError
from stream.shell.embedded import EmbeddedBroker, EmbeddedBrokerError

_DEFAULT_PORT = 9092


def add_parser(subparsers: Any) -> None:
    """Declare `shoal broker`."""
    parser = subparsers.add_parser(
        "broker",
        help=__doc__,
        description="A Kafka-compatible broker in memory on this machine, until Ctrl-C. For "
        "development: no transactions, nothing is kept.",
        epilog="example: shoal broker --port 19092 & SHOAL_BROKER=127.0.0.1:19092 shoal worker",
    )
    parser.add_argument(
        "--port", type=int, default=_DEFAULT_PORT, help="default: %(default)s; 0 takes a free one"
    )
    parser.add_argument("--json", action="store_true", help="print the address as JSON")


def run(args: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM; 1 when the broker ends by itself."""
    if not 0 <= args.port <= 65535:
        raise CommandFailedError(f"{args.port} is no port", "choose one from 0 to 65535", 2)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with EmbeddedBroker(args.port or None) as broker:
            _say_ready(broker.address, args.json)
            while not broker.wait(timeout_s=3600):
                pass
    except EmbeddedBrokerError as error:
        raise CommandFailedError(error.what, error.then) from error
    except KeyboardInterrupt:
        return 0
    raise CommandFailedError("the broker has ended by itself", "start it again")


def _say_ready(address: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"broker": address}), flush=True)
        return
    print(
        f"Broker on {address}, in memory, without transactions. Ctrl-C ends it.\n"
        f"Use it:  export SHOAL_BROKER={address}",
        flush=True,
    )
