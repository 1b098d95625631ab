"""The benchmark: `make bench`, or `python -m tests.bench --help`.

One command, one table: what Shoal and its peers do on this machine, how far figures vary, and
whether they reach what the design asks for. It ends with 0 also where a bound is missed: the
table says so. 1: something could not be measured. 2: called wrongly.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from tests.bench import (
    calibrate,
    customers,
    holding,
    latency,
    replay,
    scaling,
    segments,
    throughput,
)
from tests.bench.compare import save_baseline
from tests.bench.machine import Cores, describe
from tests.bench.options import add_options, read_options
from tests.bench.parts import Context, Section
from tests.bench.report import Figure, Report, show, unmeasured, write_json
from tests.kafka.broker import KAFKA_VERSION

RESULTS = Path(__file__).parents[2] / "build" / "bench"
SECTIONS: tuple[Section, ...] = (
    throughput.SECTION,
    replay.SECTION,
    latency.SECTION,
    holding.SECTION,
    scaling.SECTION,
    segments.SECTION,
    customers.SECTION,
)
"""In the order of the table."""

GROUPS = {"peers": throughput.PEERS, "all": tuple(p for s in SECTIONS for p in s.parts)} | {
    section.name: section.parts for section in SECTIONS
}
TABLE_WIDTH = 140
"""Where there is no terminal to fit."""


def main() -> int:
    """Run the parts that were asked for, print the table, write the JSON."""
    arguments = _arguments()
    parts = _parts(arguments.only)
    # It tells of leaders that are not there yet whenever a topic has just been made.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    cores = Cores()
    cores.leave_one()
    RESULTS.mkdir(parents=True, exist_ok=True)
    context = Context(read_options(arguments), cores, Console(stderr=True), RESULTS)
    report = measure(context, parts)
    out = Console()
    show(report, out if out.is_terminal else Console(width=TABLE_WIDTH))
    context.tell(f"written to {write_json(report, RESULTS)}")
    if arguments.save:
        context.tell(f"kept as the baseline: {save_baseline(report, RESULTS)}")
    return 1 if report.unmeasured() else 0


def measure(context: Context, parts: set[str]) -> Report:
    """Every section of which a part is wanted, one after the other."""
    machine = describe(context.cores, KAFKA_VERSION)
    report = Report(taken=_now(), machine=machine, options=context.options)
    before_us = calibrate.measure(context.cores)
    for section in SECTIONS:
        wanted = [part for part in section.parts if part in parts]
        if not wanted:
            continue
        started_s, taken = time.monotonic(), _now()
        figures = _measured(context, section, wanted, report)
        after_us = calibrate.measure(context.cores)
        for figure in figures:
            figure.taken, figure.shoal = taken, machine["shoal"]
            figure.loop_us = (before_us + after_us) / 2
            figure.judge()
        before_us = after_us
        report.figures += figures
        context.tell(f"{section.name} took {time.monotonic() - started_s:.0f} s")
    loops = [figure.loop_us for figure in report.figures if figure.loop_us is not None]
    if loops:
        machine["calibrating loop"] = f"{min(loops):,.0f} to {max(loops):,.0f} us of CPU"
    return report


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _measured(context: Context, section: Section, parts: list[str], report: Report) -> list[Figure]:
    try:
        found = section.run(context, parts)
    except Exception as error:  # noqa: BLE001 the table says so; other sections' minutes are not lost
        context.tell(f"{section.name}: {traceback.format_exc()}")
        return [unmeasured(section.name, part, f"{error!r:.400}") for part in parts]
    if found.note:
        report.notes.append(found.note)
    report.log = report.log or found.log
    return found.figures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="all", help=f"of {', '.join(_names())}; comma")
    parser.add_argument("--save", action="store_true", help="keep this run as the baseline")
    add_options(parser)
    return parser.parse_args()


def _names() -> list[str]:
    return list(dict.fromkeys((*GROUPS, *(p for s in SECTIONS for p in s.parts))))


def _parts(only: str) -> set[str]:
    wanted: set[str] = set()
    for word in only.split(","):
        if word not in _names():
            print(f"make bench: no {word!r}; ONLY may be {', '.join(_names())}", file=sys.stderr)
            raise SystemExit(2)
        wanted |= set(GROUPS.get(word, (word,)))
    return wanted


if __name__ == "__main__":
    sys.exit(main())
