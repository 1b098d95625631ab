"""Shop traffic with known latent customer types, as a file or into Kafka."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from stream.cli.failure import CommandFailedError
from stream.cli.simulate_output import Tally, write_file, write_reference, write_truth
from stream.clock import DAY_MS, instant_ms
from stream.events.topics import EVENTS
from stream.shell.settings import read_settings
from stream.simulation.customer_types import TYPES
from stream.simulation.pacing import Due, at_once, at_rate, at_speed, released, surging_from
from stream.simulation.traffic import TrafficConfig, generate

CUSTOMERS = 2_000
CUSTOMERS_PER_EVENT_A_SECOND = 120
"""Of a live shop: each visits about every twenty minutes then, and most are away at any time."""

FIRST_MS = 1_767_571_200_000
"""2026-01-05, a Monday: where files start by default, so that a command gives the same bytes on
every day."""

_DONE, _BY_SIGNAL = "done", "ended by signal"

_NOTHING = {
    _DONE: "no event in that time; ask for more --customers or --days",
    _BY_SIGNAL: "no event written or acknowledged until then",
}
"""What is said where others hear the place that events went to."""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal simulate`."""
    parser = subparsers.add_parser(
        "simulate",
        help=__doc__,
        description="A shop whose customers are heavy or light, lapsing, discount hunters, serial "
        "returners... (13 types): their visits, orders, returns and messages as Segment events, "
        "the same for the same seed.",
        epilog="examples:\n"
        "  shoal simulate --customers 500 --days 21 --out shop.jsonl --truth truth.jsonl\n"
        "  shoal simulate --type heavy=0.3 --type browser=0 --logins 0.9 --out loyal.jsonl\n"
        "  shoal simulate --rate 200 --to kafka        # live, until Ctrl-C\n"
        "  shoal simulate --days 3 --late 0.01 --duplicates 0.01 | shoal replay -\n"
        "exit codes: 0 written, also when Ctrl-C or SIGTERM ended it; 1 it could not be "
        "delivered; 2 called wrongly",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_shop(parser.add_argument_group("the shop"))
    pace = parser.add_argument_group("the pace (default: as fast as possible)")
    pace.add_argument(
        "--rate",
        type=float,
        metavar="R",
        help="events a second; without --start the events happen now, and customers come as "
        "often as that takes (a shop of thousands a second takes a minute to open; with --start "
        "it begins at once)",
    )
    pace.add_argument(
        "--speed", type=float, metavar="X", help="seconds of the events' time in one of ours"
    )
    _add_faults(parser.add_argument_group("faults, as shares from 0 to 1 (default: 0)"))
    _add_outputs(parser.add_argument_group("where to"))


def _add_shop(shop: Any) -> None:
    shop.add_argument(
        "--customers",
        type=int,
        metavar="N",
        help=f"default: {CUSTOMERS:,}; live, {CUSTOMERS_PER_EVENT_A_SECOND} an event a second",
    )
    shop.add_argument("--seed", type=int, default=1, metavar="S", help="default: %(default)s")
    shop.add_argument("--days", type=float, default=7.0, metavar="D", help="default: %(default)s")
    shop.add_argument(
        "--start",
        metavar="T",
        help="RFC 3339 time of the first events; default: 2026-01-05 for a file, D days ago for "
        "Kafka",
    )
    shop.add_argument(
        "--logins",
        type=float,
        metavar="P",
        help="share of customers who have an account, 0 to 1; default: as their types say, "
        "three in four",
    )
    shop.add_argument(
        "--type",
        action="append",
        type=_share_of_type,
        default=[],
        metavar="NAME=P",
        help="share of a customer type, 0 to 1, for each that differs; the others keep their "
        f"proportions. Types: {', '.join(kind.name for kind in TYPES)}",
    )


def _share_of_type(argument: str) -> tuple[str, float]:
    name, _, share = argument.partition("=")
    try:
        return name, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{argument!r} is not NAME=P") from None


def _add_faults(faults: Any) -> None:
    faults.add_argument(
        "--duplicates", type=float, default=0.0, metavar="P", help="events sent twice"
    )
    faults.add_argument(
        "--late", type=float, default=0.0, metavar="P", help="received minutes to hours late"
    )
    faults.add_argument(
        "--malformed", type=float, default=0.0, metavar="P", help="broken ones added to the good"
    )


def _add_outputs(outputs: Any) -> None:
    outputs.add_argument(
        "--out", metavar="FILE", help="JSON Lines, .gz compresses; default: -, the standard output"
    )
    outputs.add_argument(
        "--to",
        type=_kafka,
        metavar="kafka",
        help="the topic `events` of the broker at SHOAL_BROKER; a file is --out",
    )
    outputs.add_argument(
        "--truth",
        metavar="FILE",
        help="type, ids, parameters and habits of each customer, JSON Lines",
    )
    outputs.add_argument(
        "--reference", metavar="FILE", help="products with prices and stock over time, JSON Lines"
    )
    outputs.add_argument(
        "--json", action="store_true", help="the summary, on stderr, as one line of JSON"
    )


def _kafka(text: str) -> str:
    if text != "kafka":
        raise argparse.ArgumentTypeError(f"{text!r} is not kafka; a file is named by --out {text}")
    return text


def run(args: argparse.Namespace) -> int:
    """Write the traffic, then say what it was; 0 also when Ctrl-C or SIGTERM ended it."""
    # As Ctrl-C does it: asyncio ends its tasks, and what is in flight is sent. A script's `&` has
    # the interrupt ignored, and SIGTERM with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    now_ms = int(time.time() * 1_000)
    try:
        config, live_ms = _config(args, now_ms)
    except ValueError as error:
        raise CommandFailedError(str(error), "see: shoal simulate --help", 2) from error
    if args.truth is not None:
        write_truth(config, Path(args.truth))
    if args.reference is not None:
        write_reference(config, Path(args.reference))
    tally = Tally(config)
    events = tally.received(generate(config), live_ms or config.start_ms)
    ended = _BY_SIGNAL
    with contextlib.suppress(KeyboardInterrupt):
        chunks = tally.counted(released(events, _due(args, config, live_ms), time.monotonic))
        if args.to == "kafka":
            from stream.cli.simulate_topic import send_chunks

            asyncio.run(send_chunks(chunks))
        else:
            asyncio.run(write_file(chunks, args.out))
        ended = _DONE
    if args.json:
        print(json.dumps(tally.summary()), file=sys.stderr)
    else:
        console = Console(stderr=True)
        tally.show(console)
        outcome = _place(args) if tally.event_count else _NOTHING[ended]
        console.print(f"{ended}: {outcome}", highlight=False, markup=False)
    return 0


def _place(args: argparse.Namespace) -> str:
    if args.to == "kafka":
        settings = read_settings(os.environ)
        return f"sent to the topic {settings.topic(EVENTS.name)} at {settings.broker}"
    out = args.out
    return "written to the standard output" if out in (None, "-") else f"written to {out}"


def _config(args: argparse.Namespace, now_ms: int) -> tuple[TrafficConfig, int | None]:
    """What to simulate, and for live traffic from which instant on it is written."""
    if args.to and args.out:
        raise ValueError("--to and --out are two places")
    for name in ("rate", "speed"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise ValueError(f"--{name} {value:g} is not above 0")
    if args.rate is not None and args.speed is not None:
        raise ValueError("--rate and --speed are two paces")
    is_live = args.rate is not None and args.start is None
    customers = args.customers
    if customers is None:
        wanted = int((args.rate or 0) * CUSTOMERS_PER_EVENT_A_SECOND) if is_live else 0
        customers = max(CUSTOMERS, wanted)
    if args.start is not None:
        start_ms = instant_ms(args.start)
    elif args.to == "kafka":
        start_ms = now_ms - int(args.days * DAY_MS)
    else:
        start_ms = FIRST_MS
    config = TrafficConfig(
        seed=args.seed,
        customers=customers,
        start_ms=now_ms if is_live else start_ms,
        days=args.days,
        types=tuple(args.type),
        logins=args.logins,
        duplicates=args.duplicates,
        late=args.late,
        malformed=args.malformed,
    )
    return (surging_from(config, now_ms, args.rate), now_ms) if is_live else (config, None)


def _due(args: argparse.Namespace, config: TrafficConfig, live_ms: int | None) -> Due:
    if live_ms is not None:
        # What the shop's opening took of our time is caught up with.
        return at_speed(int(time.time() * 1_000))
    if args.rate is not None:
        return at_rate(args.rate)
    return at_once if args.speed is None else at_speed(config.start_ms, args.speed)
