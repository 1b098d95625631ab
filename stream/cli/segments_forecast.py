"""Which customers will enter or leave segments by time alone in the coming hours."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from stream.cli.backtest_tables import output, plain_table, spark_width, sparkline
from stream.cli.failure import CommandFailedError
from stream.cli.lived import add_source_arguments, live_settings, lived
from stream.clock import HOUR_MS, rfc3339
from stream.engine.partition import PartitionEngine
from stream.events.topics import CHANGELOG
from stream.explain.forecast import Forecast
from stream.shell.collector import calm_collector
from stream.shell.customer_rows import restored
from stream.shell.settings import Settings

HOURS_MAX = 24 * 366

_DESCRIPTION = """\
Lets a copy of every customer's row live on in silence, through the engine's own timers: what it
tells is what happens if no event comes, to the millisecond. Nothing is sampled. Thresholds of the
population and definitions stay as they are, but for those that are announced already.

Without --events and --log the rows are those of the changelog of SHOAL_BROKER, one partition
after the other.
"""

_EPILOG = """\
examples:
  shoal segments forecast --hours 24
  shoal segments forecast --hours 48 --segment at_risk --list --json
  shoal segments forecast --hours 24 --events history.jsonl.gz

exit codes: 0 done; 1 there are no customers; 2 called wrongly, a file is wrong, or nothing is in
it
"""

Listed = tuple[int, str, str, bool]
"""When, who, which segment, whether in."""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal segments forecast`."""
    parser = subparsers.add_parser(
        "forecast",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--hours", type=int, default=24, metavar="N", help="default: %(default)s")
    add_source_arguments(parser)
    parser.add_argument("--segment", metavar="NAME", nargs="+", help="these only")
    parser.add_argument("--list", action="store_true", help="name the customers, with the instants")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """0 when every row was looked at."""
    calm_collector()
    if not 1 <= args.hours <= HOURS_MAX:
        raise CommandFailedError(f"--hours is not from 1 to {HOURS_MAX}", "choose a number", 2)
    view = _View(args)
    if args.events or args.log:
        engines = lived(args, None, lambda _: None)
        view.begin(max(engine.clock_ms for engine in engines))
        for engine in engines:
            view.take(engine)
    else:
        if args.segments or args.reference:
            what = "the changelog has its own definitions"
            raise CommandFailedError(what, "leave --segments and --reference out", 2)
        with live_settings(CHANGELOG) as settings:
            asyncio.run(_live(settings, view))
    forecast = view.forecast
    if forecast is None or not forecast.customers:
        raise CommandFailedError("there are no customers", "check where they should come from")
    if args.json:
        print(json.dumps(view.as_json(forecast), indent=1, ensure_ascii=False))
    else:
        view.print(forecast)
    return 0


async def _live(settings: Settings, view: _View) -> None:
    """One partition's packed rows at a time; all count from the clock of the first."""
    for partition in range(settings.partitions):
        engine = await restored(settings, partition)
        if engine.clock_ms >= 0:
            view.begin(engine.clock_ms)
            view.take(engine)


class _View:
    """The forecast, and who is listed."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._hours: int = args.hours
        self._only: set[str] | None = None if args.segment is None else set(args.segment)
        self._lists: bool = args.list
        self._listed: list[Listed] = []
        self._known: set[str] = set()
        self.forecast: Forecast | None = None

    def begin(self, clock_ms: int) -> None:
        """Stand at an instant, where that was not done before."""
        if self.forecast is None:
            self.forecast = Forecast(clock_ms, self._hours)

    def take(self, engine: PartitionEngine) -> None:
        """Look at a partition's rows."""
        assert self.forecast is not None
        pack = engine.timeline.latest.pack
        self._known |= set() if pack is None else set(pack.definitions)
        for change in self.forecast.look_at(engine):
            if self._lists and self._is_shown(change.segment):
                turn = (change.time_ms, change.customer, change.segment, change.entered)
                self._listed.append(turn)

    def _is_shown(self, segment: str) -> bool:
        return self._only is None or segment in self._only

    def _names(self, forecast: Forecast) -> list[str]:
        wrong = sorted((self._only or set()) - self._known - forecast.flows.keys())
        if wrong:
            then = f"there are {', '.join(sorted(self._known))}"
            raise CommandFailedError(f"there is no segment {wrong[0]!r}", then, 2)
        return sorted(name for name in forecast.flows if self._is_shown(name))

    def as_json(self, forecast: Forecast) -> dict[str, Any]:
        """Everything, hour by hour."""
        names = self._names(forecast)
        found: dict[str, Any] = {
            "from": rfc3339(forecast.start_ms),
            "until": rfc3339(forecast.end_ms),
            "customers": forecast.customers,
            "turning": forecast.turning,
            "hours": [
                rfc3339(forecast.start_ms + hour * HOUR_MS) for hour in range(forecast.hours)
            ],
            "segments": [
                {
                    "segment": name,
                    "entries": sum(forecast.flows[name].entries),
                    "exits": sum(forecast.flows[name].exits),
                    "entries_per_hour": forecast.flows[name].entries,
                    "exits_per_hour": forecast.flows[name].exits,
                }
                for name in names
            ],
        }
        if self._lists:
            found["customers_turning"] = [
                {"time": rfc3339(at), "customer": who, "segment": segment,
                 "change": "entered" if entered else "exited"}
                for at, who, segment, entered in sorted(self._listed)
            ]  # fmt: skip
        return found

    def print(self, forecast: Forecast) -> None:
        """Tables on standard output."""
        names = self._names(forecast)
        console = output()
        console.print(
            f"By time alone, from {rfc3339(forecast.start_ms)[:16]} to "
            f"{rfc3339(forecast.end_ms)[:16]} UTC: {forecast.turning:,} of "
            f"{forecast.customers:,} customers turn\n"
        )
        table = plain_table("")
        for heading in ("enter", "exit"):
            table.add_column(heading, justify="right", no_wrap=True)
        for heading in ("enter per hour", "exit per hour"):
            table.add_column(heading, no_wrap=True)
        bars = spark_width(console.width // 2, 20)
        for name in names:
            flows = forecast.flows[name]
            table.add_row(
                name,
                f"{sum(flows.entries):,}",
                f"{sum(flows.exits):,}",
                _bars(flows.entries, bars),
                _bars(flows.exits, bars),
            )
        console.print(table if names else "Nobody does.")
        for at_ms, who, segment, entered in sorted(self._listed):
            sign = "+" if entered else "-"
            console.print(f"{rfc3339(at_ms)}  {sign}{segment}  {who}", markup=False, soft_wrap=True)


def _bars(hours: list[int], width: int) -> str:
    """Sums of as many hours as it takes to fit."""
    size = -(-len(hours) // width)
    return sparkline([sum(hours[at : at + size]) for at in range(0, len(hours), size)], width)
