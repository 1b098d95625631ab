"""What `make bench` may be told: sizes, and the mix of the simulated traffic."""

from __future__ import annotations

import argparse
from typing import get_type_hints

import msgspec

EVENTS = 500_000
"""0.5 GB: the fastest contender, at 90,000 a second, then works for seconds after its warm-up."""


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """The knobs of `TrafficConfig` that say what traffic is like; the defaults are its own."""

    seed: int = 1
    duplicates: float = 0.0
    late: float = 0.0
    malformed: float = 0.0
    skewed: float = 0.03


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure with.

    events, customers   of the log that contenders read; customers None: one for 50 events
    runs                of each contender and each part that is repeated
    rates               events a second of the latency part
    seconds             measured at each rate, after the warm-up
    rows                customers that a worker holds, for memory, restore and timers
    stored              customers of the worker whose rows are on disk; 0: none
    timers              rows of the worker whose timers are measured
    """

    events: int = EVENTS
    customers: int | None = None
    runs: int = 3
    rates: tuple[int, ...] = (500, 5_000)
    seconds: int = 40
    rows: tuple[int, ...] = (100_000, 1_000_000)
    stored: int = 5_000_000
    timers: int = 1_000_000
    mix: Mix = Mix()


_HELP = {
    "events": "events of the log; default: %(default)s",
    "customers": "of the simulated shop; default: one for 50 events",
    "runs": "of everything that is repeated; default: %(default)s",
    "seconds": "measured at each rate; default: %(default)s",
    "stored": "customers of memory and restore with RocksDB, 1 KB on disk and 0.7 KB in the log "
    "each; 0: none; default: %(default)s",
    "timers": "customers with pending timers, of the part `timers`; default: %(default)s",
}
_MIX_HELP = {
    "seed": "of the simulated shop; default: %(default)s",
    "duplicates": "share of events sent twice; default: %(default)s",
    "late": "share of events received minutes to hours late; default: %(default)s",
    "malformed": "broken events for each good one; default: %(default)s",
    "skewed": "share of devices with a wrong clock; default: %(default)s",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; each has the name of its field."""
    usual = Options()
    for name, words in _HELP.items():
        parser.add_argument(f"--{name}", type=int, default=getattr(usual, name), help=words)
    for name, words in (
        ("rate", "events a second of the latency part, comma separated"),
        ("rows", "customers that a worker holds, of memory and restore, comma separated"),
    ):
        default = usual.rates if name == "rate" else usual.rows
        parser.add_argument(f"--{name}", type=_numbers, default=default, help=words)
    mix = parser.add_argument_group("the traffic (defaults: the simulator's documented mix)")
    types = get_type_hints(Mix)
    for name, words in _MIX_HELP.items():
        mix.add_argument(f"--{name}", type=types[name], default=getattr(Mix(), name), help=words)


def read_options(arguments: argparse.Namespace) -> Options:
    """The options of parsed flags.

    >>> parser = argparse.ArgumentParser()
    >>> add_options(parser)
    >>> read_options(parser.parse_args(["--rate", "50,500", "--late", "0.02"])).rates
    (50, 500)
    """
    return Options(
        rates=arguments.rate,
        rows=tuple(sorted(arguments.rows)),
        mix=Mix(**{name: getattr(arguments, name) for name in _MIX_HELP}),
        **{name: getattr(arguments, name) for name in _HELP},
    )


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(word.replace("_", "")) for word in text.split(","))
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: all must be above 0")
    return numbers
