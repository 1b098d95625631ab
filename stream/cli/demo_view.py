"""How the demo looks: a live picture on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stream.cli.demo_board import Board
from stream.events.published import Evidence, PublishedChange

_BARS = " ▁▂▃▄▅▆▇█"
_HEADER_LINES = 5
_SIDE_BY_SIDE_MIN = 100
"""Columns from which the two panels stand side by side."""

_STAGES = {
    "starting": ("yellow", "starting the worker"),
    "history": ("cyan", "playing the last weeks"),
    "live": ("green", "live"),
}
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_WINDOW = re.compile(r"(within|before)=[^,)]*")
_TIME_WORDS = ("since(", "until(", "HOUR", "DAY", "MINUTE", "WEEK")


def picture(board: Board, width: int, height: int, now_s: float) -> RenderableType:
    """The whole screen, `width` columns by `height` lines."""
    body = Layout(name="body")
    left = Layout(name="segments", ratio=2)
    right = Layout(name="changes", ratio=3)
    lines = height - _HEADER_LINES - 2
    if width >= _SIDE_BY_SIDE_MIN:
        body.split_row(left, right)
        columns, rows = (width * 2 // 5, width * 3 // 5), (lines, lines)
    else:
        body.split_column(left, right)
        above = (height - _HEADER_LINES) * 2 // 5
        left.size = above
        columns, rows = (width, width), (above - 2, height - _HEADER_LINES - above - 2)
    left.update(_segments(board, columns[0] - 4, rows[0]))
    right.update(_changes(board, columns[1] - 4, rows[1]))
    screen = Layout()
    screen.split_column(Layout(_header(board, width - 4, now_s), size=_HEADER_LINES), body)
    return screen


def change_lines(change: PublishedChange, width: int) -> list[Text]:
    """When, who and which segment; below it, why. Both cut to `width` columns."""
    mark, style = ("▲", "bold green") if change.entered else ("▽", "red")
    what = Text.assemble(
        (f"{_moment(change):<11} ", "dim"),
        (f"{mark} {change.data.segment}  ", style),
        change.data.customer,
    )
    why = Text(f"{'':12}{reason(change)}", "yellow" if change.data.cause == "timer" else "dim")
    for line in (what, why):
        line.truncate(width, overflow="ellipsis")
    return [what, why]


def plain_line(change: PublishedChange) -> str:
    """The same for a log: complete, without marks."""
    verb = "entered" if change.entered else "exited"
    return f"{change.time} {change.data.customer} {verb} {change.data.segment} ({reason(change)})"


def reason(change: PublishedChange) -> str:
    """Why, in one phrase: the comparison that flipped, and its value then."""
    flipped = [leaf for leaf in change.data.evidence if leaf.before is not leaf.after]
    told = flipped or change.data.evidence
    if not told:
        return change.data.cause
    leaf = told[0]
    more = f" +{len(told) - 1}" if len(told) > 1 else ""
    return f"{change.data.cause}: {leaf.leaf}{_shown_value(leaf)}{more}"


def status_line(board: Board, now_s: float) -> str:
    """The state of the run in one plain line."""
    latest = board.latest
    return (
        f"[{now_s - board.started_s:5.1f}s] {_STAGES[board.stage][1]}: "
        f"{latest.done_count:,} of {latest.written_count:,} events done, {board.rate():,.0f}/s, "
        f"{board.customers_count:,} customers, {board.changes_count:,} changes, "
        f"clock {_clock(latest.clock_ms)}"
    )


def summary(board: Board, now_s: float) -> str:
    """What was seen, for the end of the run."""
    entered = {segment for segment, came_in in board.kinds if came_in}
    kinds = sorted(board.kinds.items(), key=lambda item: (-item[1], item[0]))
    total = (
        f"Ran {now_s - board.started_s:.0f} s: {board.latest.done_count:,} events of "
        f"{board.customers_count:,} customers, {board.changes_count:,} changes "
        f"({board.live_changes_count:,} live) of {len(kinds)} kinds, "
        f"{len(entered)} segments entered."
    )
    lines = ["", total]
    if causes := ", ".join(f"{cause} {count:,}" for cause, count in board.causes.most_common()):
        lines.append(f"Causes: {causes}.")
    lines += [
        f"  {count:>8,}  {segment} {'entered' if came_in else 'exited'}"
        for (segment, came_in), count in kinds[:12]
    ]
    if len(kinds) > 12:
        lines.append(f"  {'':>8}  and {len(kinds) - 12} more kinds")
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """A length of time as one or two units.

    >>> duration(3600), duration(93_784), duration(0.4)
    ('1 h', '1 d 2 h', '0 s')
    """
    rest = int(abs(seconds))
    parts = []
    for size, unit in _UNITS:
        if rest >= size:
            parts.append(f"{rest // size} {unit}")
            rest %= size
    return ("-" if seconds < 0 else "") + (" ".join(parts[:2]) or "0 s")


def sparkline(values: list[float]) -> str:
    """One block per value, the highest full.

    >>> sparkline([0, 4, 8])
    ' ▄█'
    """
    top = max(values, default=0) or 1
    return "".join(_BARS[min(8, max(0, round(value / top * 8)))] for value in values)


def _header(board: Board, width: int, now_s: float) -> Panel:
    colour, words = _STAGES[board.stage]
    latest = board.latest
    title = Text.assemble((" Shoal ", "bold white on blue"), ("  ● ", colour), (words, colour))
    facts = Table.grid(expand=True)
    for _ in range(4):
        facts.add_column(no_wrap=True)
    behind = max(latest.written_count - latest.done_count, 0)
    facts.add_row(
        _fact(f"{board.rate():,.0f}", "events/s"),
        _fact(f"{latest.done_count:,}", "events"),
        _fact(f"{board.customers_count:,}", "customers"),
        _fact(f"{board.changes_count:,}", "changes"),
    )
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append("clock ", "dim")
    line.append(_clock(latest.clock_ms), "bold")
    line.append(f"   waiting {behind:,} events   running {now_s - board.started_s:.0f} s", "dim")
    room = max(width - len(line.plain) - 3, 0)
    trend = Text(f"   {sparkline(board.rates(room))}"[: room + 3], "cyan")
    return Panel(Group(title, facts, Text.assemble(line, trend, no_wrap=True)), border_style="blue")


def _fact(value: str, unit: str) -> Text:
    return Text.assemble((value, "bold"), (f" {unit}", "dim"))


def _segments(board: Board, width: int, rows: int) -> Panel:
    ranked = sorted(
        ((count, name) for name, count in board.segments.items() if count > 0),
        key=lambda entry: (-entry[0], entry[1]),
    )
    shown = ranked[: rows - 1] if len(ranked) > rows else ranked
    name_width = min(max((len(name) for _, name in shown), default=0), 22)
    name_width = max(name_width, len("and 99 more"))
    bar_width = max(width - name_width - 9, 4)
    top = max((count for count, _ in shown), default=1)
    table = Table.grid(padding=(0, 1))
    for count, name in shown:
        table.add_row(
            Text(name[:name_width], no_wrap=True),
            Text(bar(count / top, bar_width).ljust(bar_width), "cyan", no_wrap=True),
            Text(f"{count:>6,}", "bold"),
        )
    if len(shown) < len(ranked):
        table.add_row(Text(f"and {len(ranked) - len(shown)} more", "dim"))
    return Panel(table, title="customers by segment", title_align="left", border_style="dim")


def bar(share: float, width: int) -> str:
    """A bar of `share` of `width` columns, to an eighth of a column; never nothing.

    >>> bar(0.5, 4), bar(0.0, 4)
    ('██', '▏')
    """
    eighths = max(1, round(share * width * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8]


def _changes(board: Board, width: int, rows: int) -> Panel:
    newest = list(board.recent)[: -rows // 2 - 1 : -1]
    lines = [line for change in newest for line in change_lines(change, width)]
    body: RenderableType = Group(*lines)
    if not lines:
        body = Text("none yet", "dim")
    return Panel(body, title="last changes, and why", title_align="left", border_style="dim")


def _moment(change: PublishedChange) -> str:
    return change.time[5:16].replace("T", " ") if change.data.historic else change.time[11:19]


def _clock(clock_ms: int) -> str:
    if clock_ms <= 0:
        return "not started"
    return datetime.fromtimestamp(clock_ms / 1000, UTC).strftime("%a %d %b %Y %H:%M:%S UTC")


def _shown_value(leaf: Evidence) -> str:
    value = leaf.value
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return f" ({value})"
    # A window's length says nothing of what is counted in it.
    compared = _WINDOW.sub("", leaf.leaf)
    if any(word in compared for word in _TIME_WORDS):
        return f" ({duration(value)})"
    return f" ({value:,.4g})" if abs(value) < 10_000 else f" ({value:,.0f})"
