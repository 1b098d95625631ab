"""Order history from a table (CSV, Excel, parquet) into events."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from stream.cli.failure import CommandFailedError
from stream.cli.import_lines import write_lines
from stream.cli.import_tables import opened_rows
from stream.clock import InvalidTimeError, instant_ms
from stream.events.history import History, HistorySummary, read_history
from stream.events.history_events import canonical_events
from stream.events.history_map import ColumnMap, ColumnMapError, parse_map
from stream.events.history_table import HistoryRowError
from stream.events.properties import ITEMS_MAX
from stream.shell.settings import SettingError, Settings, read_settings

_DESCRIPTION = """\
Turns a shop's order history into the events that the shop would have sent: Order Completed and
Order Refunded, in time order, with message ids that stay the same when the file is imported
again. A declared map says which column means what; a file that does not fit it is refused as a
whole, with the line and the column. A summary goes to stderr.
"""

_EPILOG = """\
a map, for a file with one row per order line:
  columns: {order: Invoice, customer: Customer, product: Item, quantity: Qty, price: Price,
            time: Date}
  time: {format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}
  row: line                                # or order: each row is one
  currency: EUR
  cancelled: {column: Invoice, prefix: C}  # or values: [returned]
  layout: {delimiter: ";", encoding: cp1252, decimal: ",", thousands: "."}

examples:
  shoal import orders.csv --map shop.yaml --to orders.jsonl && shoal replay orders.jsonl
  shoal import online_retail.csv.gz --map online_retail --to kafka

exit codes: 0 imported; 1 it could not be delivered; 2 called wrongly, or a file or the map is wrong
"""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal import`."""
    parser = subparsers.add_parser(
        "import",
        help=__doc__,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="CSV (.gz too), Excel or parquet")
    known = ", ".join(_packaged_maps())
    parser.add_argument(
        "--map", required=True, metavar="M", help=f"a YAML file, or one that comes along: {known}"
    )
    parser.add_argument(
        "--to",
        default="-",
        metavar="TARGET",
        help="kafka, or a file of JSON lines (.gz packs it), or - for stdout; default: -",
    )
    parser.add_argument("--sheet", metavar="NAME", help="of an Excel file; default: the first")
    parser.add_argument(
        "--received-at",
        metavar="TIME",
        help="the events' receivedAt (RFC 3339); default: now. Fix it for the same bytes each time",
    )
    parser.add_argument(
        "--broker", metavar="HOST:PORT", help="default: SHOAL_BROKER, else 127.0.0.1:9092"
    )
    parser.add_argument(
        "--no-history-ends",
        action="store_true",
        help="more history follows: do not tell the partitions that their clock may go on to now",
    )
    parser.add_argument(
        "--from-partition",
        type=int,
        default=0,
        metavar="N",
        help="only into partitions from N on: late history for a new run (see shoal rebuild)",
    )
    parser.add_argument("--json", action="store_true", help="the summary as one line of JSON")


def run(args: argparse.Namespace) -> int:
    """Import one file; see the exit codes in the help."""
    received_ms = _received_ms(args.received_at)
    settings = _settings(args.broker)
    map_ = _read_map(args.map)
    history = _read(args.file, map_, args.sheet, received_ms)
    events = canonical_events(history.documents, received_ms)
    if args.to == "kafka":
        from stream.cli.import_topic import send_events

        ends, first = not args.no_history_ends, args.from_partition
        count = send_events(events, settings, history_ends=ends, first_partition=first)
    else:
        count = write_lines(events, args.to)
    about = {"file": str(args.file), "map": args.map, "to": args.to, "events": count}
    if args.json:
        found = about | msgspec.to_builtins(history.summary)
        print(json.dumps(found, ensure_ascii=False), file=sys.stderr)
    else:
        _print_summary(about, history.summary)
    return 0


def _received_ms(text: str | None) -> int:
    if text is None:
        return int(datetime.now(UTC).timestamp() * 1000)
    try:
        return instant_ms(text)
    except InvalidTimeError as error:
        raise CommandFailedError(f"--received-at: {error}", "write 2026-11-21T10:15Z", 2) from None


def _settings(broker: str | None) -> Settings:
    environment = dict(os.environ)
    if broker is not None:
        environment["SHOAL_BROKER"] = broker
    try:
        return read_settings(environment)
    except SettingError as error:
        raise CommandFailedError(str(error), "correct the setting", 2) from None


def _packaged_maps() -> tuple[str, ...]:
    files = resources.files("stream.events").joinpath("maps").iterdir()
    names = (Path(file.name) for file in files)
    return tuple(sorted(name.stem for name in names if name.suffix == ".yaml"))


def _read_map(name: str) -> ColumnMap:
    """The map in the file of that name, or the packaged one that is called so."""
    path = Path(name)
    packaged = _packaged_maps()
    try:
        if name in packaged and not path.exists():
            file = resources.files("stream.events").joinpath("maps", f"{name}.yaml")
            return parse_map(file.read_text(encoding="utf-8"), f"{name}.yaml")
        return parse_map(path.read_text(encoding="utf-8"), name)
    except ColumnMapError as error:
        raise CommandFailedError(str(error), "correct the map", 2) from None
    except UnicodeDecodeError:
        raise CommandFailedError(f"{name} is not UTF-8", "save the map as UTF-8", 2) from None
    except OSError as error:
        known = ", ".join(packaged)
        raise CommandFailedError(
            f"--map {name}: {error.strerror}", f"name a YAML file, or one of {known}", 2
        ) from None


def _read(path: Path, map_: ColumnMap, sheet: str | None, received_ms: int) -> History:
    try:
        with opened_rows(path, map_, sheet) as rows:
            return read_history(rows, map_, received_ms)
    except HistoryRowError as error:
        raise CommandFailedError(
            f"{path}:{error.line}: {error}", "nothing was imported: correct the file or the map", 2
        ) from None


def _print_summary(about: dict[str, Any], summary: HistorySummary) -> None:
    """A table where a person reads it, the same lines plain where a log does."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    title = escape(f"{about['file']} -> {about['to']}")
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in _summary_lines(about, summary):
        table.add_row(name, value)
    Console(stderr=True).print(table)


def _summary_lines(about: dict[str, Any], summary: HistorySummary) -> list[tuple[str, str]]:
    def money(totals: dict[str, str]) -> str:
        return ", ".join(f"{amount} {code}".strip() for code, amount in totals.items()) or "0"

    lines = [
        ("rows", f"{summary.rows:,}"),
        ("customers", f"{summary.customers:,}"),
        ("orders", f"{summary.orders:,}"),
        ("  lines", f"{summary.order_lines:,}"),
        ("  revenue", money(summary.revenue)),
        ("  for nothing", f"{summary.zero_orders:,}"),
        ("refunds", f"{summary.refunds:,}"),
        ("  lines", f"{summary.refund_lines:,}"),
        ("  given back", money(summary.refunded)),
        ("lines for nothing", f"{summary.zero_lines:,}"),
    ]
    if summary.long_documents:
        lines.append(
            (f"with over {ITEMS_MAX} lines, the first kept", f"{summary.long_documents:,}")
        )
    lines += [
        (f"skipped: {reason.replace('_', ' ')}", f"{count:,}")
        for reason, count in summary.skipped.items()
    ]
    span = (summary.first or "none", summary.last or "none")
    return [*lines, ("first", span[0]), ("last", span[1]), ("events", f"{about['events']:,}")]
