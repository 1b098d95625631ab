"""The worker: keeps every customer in the right segments, against SHOAL_BROKER."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

from stream.cli.failure import CommandFailedError
from stream.cli.worker_processes import processes_wanted, run_processes
from stream.engine.effects import EngineStateError
from stream.segments.source import DefinitionError
from stream.shell.logs import configure_logs
from stream.shell.settings import SettingError, Settings, read_settings
from stream.state.codec import RowFormatError

_DESCRIPTION = """Settings come from the environment: SHOAL_BROKER (host:port), SHOAL_APP (group and
transactional ids), SHOAL_PARTITIONS, SHOAL_EVENTS_PARTITIONS, SHOAL_SHOP, SHOAL_SEGMENTS (a file),
SHOAL_SEGMENTS_AT_START (yield to definitions that a command published, or publish nevertheless),
SHOAL_HTTP_HOST and SHOAL_HTTP_PORT (/metrics, /livez, /readyz), SHOAL_TOPIC_PREFIX and
SHOAL_EVENTS_TOPIC, SHOAL_CLUSTERS (on, off) and SHOAL_CLUSTER_INTERVAL_S, SHOAL_INCARNATION,
SHOAL_SESSION_TIMEOUT_MS, SHOAL_TICK_INTERVAL_MS, SHOAL_COMMIT_INTERVAL_MAX_MS,
SHOAL_BATCH_RECORDS_MAX, SHOAL_STALL_S, SHOAL_SOURCE_STALL_S, SHOAL_DELIVERY (auto, transactional,
plain), SHOAL_ERASURE_KEY or SHOAL_ERASURE_KEY_FILE, SHOAL_AFTER_ERASURE (admit, refuse),
SHOAL_RETENTION_DAYS (TOPIC=DAYS,...), SHOAL_COMPRESSION, SHOAL_CREATE_TOPICS, SHOAL_REPLICATION,
SHOAL_LOG_LEVEL, SHOAL_STORE (memory, rocksdb), SHOAL_STORE_DIR, SHOAL_STORE_CACHE_BYTES,
SHOAL_STANDBY, SHOAL_HTTP_TOKENS_FILE (see shoal tokens create), SHOAL_SECURITY_PROTOCOL,
SHOAL_SASL_*, SHOAL_TLS_*, SHOAL_OAUTH_*, SHOAL_ALLOW_PLAINTEXT_PASSWORD. Ends on SIGTERM or Ctrl-C
after the running batches are committed; on SIGUSR1 it writes to the log where every task waits. One
process uses one core: with --processes a parent keeps several at work, starts those that die again,
and serves metrics and health of all of them on the one port. Exit codes: 0 ended as asked; 1
something else ended it; 2 a wrong setting or definitions file."""


def add_parser(subparsers: Any) -> None:
    """Declare `shoal worker`."""
    parser = subparsers.add_parser(
        "worker",
        help=__doc__,
        description=_DESCRIPTION,
        epilog="example: SHOAL_BROKER=kafka:9092 SHOAL_SEGMENTS=segments.yaml shoal worker",
    )
    parser.add_argument("--segments", type=Path, help="definitions file; default: SHOAL_SEGMENTS")
    parser.add_argument(
        "--create-topics", action="store_true", help="create the topics that are missing"
    )
    parser.add_argument(
        "--processes",
        type=processes_wanted,
        metavar="N",
        help="as many workers on this machine, at most one a partition; auto: one a usable core",
    )


def run(args: argparse.Namespace) -> int:
    """Work until SIGTERM or SIGINT; 1 when something else ends it, 2 for wrong settings."""
    settings = settings_from(args)
    configure_logs(settings.log_level)
    if args.processes is not None:
        return run_processes(settings, args.processes)
    # The parent of processes does without: it stays small.
    from stream.cli.broker_failure import REFUSALS, broker_failure
    from stream.shell.permissions import PermissionsError
    from stream.shell.topic_admin import TopicsError

    try:
        asyncio.run(_work(settings))
    except REFUSALS as error:
        raise broker_failure(settings, error) from error
    except (
        TopicsError, PermissionsError, DefinitionError, SettingError, EngineStateError,
        RowFormatError,
    ) as error:  # fmt: skip
        # They say themselves what to do.
        code = 2 if isinstance(error, DefinitionError) else 1
        raise CommandFailedError(str(error), "then start the worker again", code) from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise CommandFailedError(what, "nothing uncommitted counts, so start it again") from error
    return 0


def settings_from(args: argparse.Namespace) -> Settings:
    """The environment's settings, with what the command line says instead."""
    try:
        settings = read_settings(os.environ)
    except SettingError as error:
        raise CommandFailedError(str(error), "correct it and start again", 2) from error
    if getattr(args, "segments", None) is not None:
        settings = dataclasses.replace(settings, segments=args.segments)
    if getattr(args, "create_topics", False):
        settings = dataclasses.replace(settings, create_topics=True)
    return settings


async def _work(settings: Settings) -> None:
    from stream.shell.worker import Worker

    worker = Worker(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    loop.add_signal_handler(signal.SIGUSR1, worker.say_where)
    await worker.run()
