"""Customers for commands that look at them: from event files, dumps of the log, or the broker."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec
from aiokafka.errors import KafkaError

from stream.cli.broker_failure import broker_failure
from stream.cli.event_files import (
    EventFiles,
    checked_definitions,
    log_batches,
    read_reference,
)
from stream.cli.failure import CommandFailedError
from stream.engine.effects import EngineStateError, StoredRecord
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.changes import SegmentChanged
from stream.events.records import PATH_MAX, Markers, Tick, Version, decode_record, encode_record
from stream.events.topics import Topic
from stream.shell.settings import SettingError, Settings, read_settings
from stream.shell.topic_admin import TopicsError, require_topics
from stream.simulation.offline import LogReplay, Offline

Hear = Callable[[Iterable[SegmentChanged]], None]


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where customers come from."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--events", metavar="F", nargs="+", help="event files, replayed: JSONL, .gz")
    where.add_argument(
        "--log", metavar="F", nargs="+", help="dumps of the customer log (shoal topics dump)"
    )
    parser.add_argument(
        "--segments", metavar="F", help="definitions, with --events (default: the built-in pack)"
    )
    parser.add_argument("--reference", metavar="F", help="products and variants, with --events")


def lived(args: argparse.Namespace, until_ms: int | None, hear: Hear) -> list[PartitionEngine]:
    """The partitions as of an instant, or of the end, of the files that the arguments name.

    `hear` is given the changes as they happen.

    Raises
    ------
    CommandFailedError
        Where a file cannot be read, or holds nothing.
    """
    if args.log:
        if args.segments or args.reference:
            what = "a log has its own definitions and reference data"
            raise CommandFailedError(what, "leave --segments and --reference out", 2)
        return _of_log(args.log, until_ms, hear)
    return _of_events(args, until_ms, hear)


def _of_events(args: argparse.Namespace, until_ms: int | None, hear: Hear) -> list[PartitionEngine]:
    offline = Offline(EngineSettings(), checked_definitions(args.segments))
    source = EventFiles(read_reference(args.reference), takes_erasures=True)
    events = source.found(args.events)
    source.live(
        events,
        lambda decoded: hear(offline.apply(decoded)),
        until_ms,
        lambda asked: hear(offline.erase(asked)),
    )
    source.tell_rejected()
    hear(offline.finish(until_ms))
    return [offline.engine]


def _of_log(paths: list[str], until_ms: int | None, hear: Hear) -> list[PartitionEngine]:
    replay = LogReplay(EngineSettings())
    for partition, batch in log_batches(paths, replay):
        records = batch if until_ms is None else _before(batch, until_ms)
        if records:
            hear(replay.apply(partition, records))
    if not replay.engines:
        then = "dump the log: shoal topics dump"
        raise CommandFailedError("there is no record in it", then, 2)
    return list(replay.engines.values())


def _before(batch: list[StoredRecord], until_ms: int) -> list[StoredRecord]:
    """The records up to an instant; a tick beyond it becomes one at it."""
    kept: list[StoredRecord] = []
    for record in batch:
        try:
            decoded = decode_record(record.value or b"")
        except msgspec.DecodeError:
            kept.append(record)
            continue
        match decoded:
            case Tick():
                clock_ms = min(decoded.clock_ms, until_ms)
                value = encode_record(Tick(clock_ms=clock_ms))
                kept.append(msgspec.structs.replace(record, value=value))
            case Version():
                if decoded.active_ms <= until_ms:
                    kept.append(record)
            case Markers():
                kept.append(record)
            case _:
                if decoded.time_ms <= until_ms:
                    kept.append(record)
    return kept


def found_among(
    engines: Iterable[PartitionEngine], identity: str
) -> tuple[PartitionEngine, bytes] | None:
    """The partition of an id's customer and the customer's key; None where there is no row."""
    engines = list(engines)
    key = identity.encode()
    for _ in range(PATH_MAX):
        for engine in engines:
            row = engine.store.peek(key)
            if row is not None:
                break
        else:
            return None
        if row.forward_to is None:
            return engine, key
        key = row.forward_to.encode()
    return None


@contextmanager
def live_settings(*topics: Topic) -> Iterator[Settings]:
    """The environment's settings; what goes wrong with the broker becomes one line.

    `topics` must be there, and have as many partitions as the settings say.
    """
    try:
        settings = read_settings(os.environ)
    except SettingError as error:
        raise CommandFailedError(str(error), "correct it and try again", 2) from error
    client_log = logging.getLogger("aiokafka")
    level = client_log.level
    # It says as an error what the command says in a line of its own.
    client_log.setLevel(logging.CRITICAL)
    try:
        if topics:
            asyncio.run(require_topics(settings, topics))
        yield settings
    except TopicsError as error:
        what, _, then = str(error).partition("; ")
        raise CommandFailedError(f"at {settings.broker}: {what}", then) from error
    except KafkaError as error:
        raise broker_failure(settings, error) from error
    except EngineStateError as error:
        raise CommandFailedError(str(error), "check the worker's settings") from error
    finally:
        client_log.setLevel(level)
