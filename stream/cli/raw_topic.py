"""A live shop's events for commands that look at them: the raw topic at SHOAL_BROKER."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable

from stream.cli.event_files import EventFiles, given_instant, progress_bar
from stream.cli.failure import CommandFailedError
from stream.cli.lived import live_settings
from stream.events.decoded import Decoded
from stream.events.topics import EVENTS
from stream.shell.raw_events import Extent, raw_events, reference_book
from stream.shell.settings import Settings
from stream.shell.topic_admin import TopicsError

NEWEST = 1_000_000
"""Events read of a topic unless more are asked for: about a minute."""


def add_topic_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how much of the topic is read."""
    parser.add_argument(
        "--newest",
        type=_count,
        metavar="N",
        help=f"without files: about N of the newest events (default: {NEWEST:,}), as many of each "
        "partition; 0: all that the topic retains",
    )
    parser.add_argument(
        "--from",
        dest="since",
        metavar="T",
        help="without files: events that came from T on (RFC 3339), by the broker's time",
    )


def read_topic(
    args: argparse.Namespace, files: EventFiles, take: Callable[[Decoded], None]
) -> Extent:
    """Give every event of the topic to `take`; what was read.

    Raises
    ------
    CommandFailedError
        No broker, no topic, or a wrong setting.
    """
    since_ms = given_instant("--from", args.since)
    newest = NEWEST if args.newest is None else args.newest
    with live_settings() as settings:
        try:
            return asyncio.run(_read(settings, (since_ms, newest), files, take))
        except TopicsError as error:
            what = f"{error} at {settings.broker}"
            then = "check SHOAL_BROKER, SHOAL_TOPIC_PREFIX and SHOAL_EVENTS_TOPIC, or name files"
            raise CommandFailedError(what, then) from error


async def _read(
    settings: Settings,
    window: tuple[int | None, int],
    files: EventFiles,
    take: Callable[[Decoded], None],
) -> Extent:
    if files.reference is None:
        files.reference = await reference_book(settings)
    extents: list[Extent] = []
    with progress_bar() as progress:
        task = progress.add_task(settings.topic(EVENTS.name), total=None)

        def tell(extent: Extent) -> None:
            extents.append(extent)
            progress.update(task, total=extent.read)

        async for records in raw_events(settings, *window, tell):
            for record in records:
                where = f"{record.topic}-{record.partition}:{record.offset}"
                decoded = files.take(record.value, record.timestamp, where)
                if decoded is not None:
                    take(decoded)
            progress.update(task, completed=files.lines)
    return extents[-1]


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no number from 0")
    return int(text)
