"""Topics: create what is missing, show what Shoal needs of the broker, or dump its log."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import msgspec
from aiokafka.errors import KafkaError

from stream.cli.broker_failure import broker_failure
from stream.cli.failure import CommandFailedError
from stream.events.topics import TOPICS
from stream.shell.access import commands, roles
from stream.shell.log_dump import folded_log, log_beginnings, snapshot
from stream.shell.settings import SettingError, Settings, read_settings
from stream.shell.topic_admin import TopicsError, create_topics, inspect_topics
from stream.simulation.dumped import DumpedRecord

EXIT_DIFFERENT = 1


def add_parser(subparsers: Any) -> None:
    """Declare `shoal topics`."""
    parser = subparsers.add_parser(
        "topics",
        help=__doc__,
        description="Settings come from SHOAL_*, as for `shoal worker`.",
        epilog="example: SHOAL_BROKER=kafka:9092 SHOAL_PARTITIONS=16 shoal topics create",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser(
        "create",
        help="create the topics that are missing; those that are there stay as they are",
        epilog="example: SHOAL_BROKER=kafka:9092 shoal topics create",
    )
    plan = actions.add_parser(
        "plan",
        help="show topics, settings and the ACLs needed, and whether the broker has them",
        epilog="example: shoal topics plan --offline --json",
    )
    plan.add_argument(
        "--offline", action="store_true", help="only what is needed; ask no broker about it"
    )
    plan.add_argument(
        "--principal",
        action="append",
        default=[],
        metavar="ROLE=TYPE:NAME",
        help="whom to name in the ACLs, such as worker=User:shoal; may be given for each role",
    )
    dump = actions.add_parser(
        "dump",
        help="write the customers' log as far as it was folded, one record a line",
        description="Where retention has cut the log, a snapshot of the rows stands in for what is "
        "gone. Take one now and then (--snapshot), and later what the log still has (--retained): "
        "shoal replay --log goes on from the one with the other.",
        epilog="example: shoal topics dump --out log.jsonl && shoal replay --log log.jsonl",
    )
    part = dump.add_mutually_exclusive_group()
    part.add_argument(
        "--snapshot", action="store_true", help="rows as they are now instead of the log"
    )
    part.add_argument(
        "--retained", action="store_true", help="the log that there is, and no snapshot"
    )
    dump.add_argument("--out", metavar="F", default="-", help="default: standard output")
    for each in (create, plan):
        each.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 1 topics are not as needed, or the broker refused, 2 wrong setting."""
    try:
        settings = read_settings(os.environ)
    except SettingError as error:
        raise CommandFailedError(str(error), "correct it and try again", 2) from error
    try:
        if args.action == "dump":
            return _dump(settings, args)
        return _create(settings, args) if args.action == "create" else _plan(settings, args)
    except TopicsError as error:
        raise CommandFailedError(str(error), "see `shoal topics plan`") from error
    except KafkaError as error:
        raise broker_failure(settings, error) from error


def _create(settings: Settings, args: argparse.Namespace) -> int:
    created = asyncio.run(create_topics(settings))
    problems = {f.name: f.problem for f in asyncio.run(inspect_topics(settings)) if f.problem}
    if args.json:
        print(json.dumps({"created": created, "problems": problems}))
    else:
        for name in created:
            print(f"created {name}")
        if not created:
            print("nothing to create")
        for name, problem in problems.items():
            print(f"{name}: {problem}")
    return EXIT_DIFFERENT if problems else 0


def _dump(settings: Settings, args: argparse.Namespace) -> int:
    path: str = args.out
    with ExitStack() as stack:
        try:
            out = sys.stdout.buffer if path == "-" else stack.enter_context(Path(path).open("wb"))
        except OSError as error:
            raise CommandFailedError(
                f"cannot write {path}: {error.strerror}", "name another file", 2
            ) from None
        asyncio.run(_write_log(settings, args, out))
    return 0


async def _write_log(settings: Settings, args: argparse.Namespace, out: IO[bytes]) -> None:
    def write(records: Iterable[Any], *, state: bool) -> None:
        for r in records:
            line = DumpedRecord(r.partition, r.offset, r.timestamp, r.key, r.value, state)
            out.write(msgspec.json.encode(line) + b"\n")

    begins = await log_beginnings(settings)
    cut = [p for p, begin in begins.items() if (begin > 0 or args.snapshot) and not args.retained]
    async for records in snapshot(settings, cut):
        write(records, state=True)
    for partition in begins.keys() - cut:
        if begins[partition]:
            said = DumpedRecord(partition, begins[partition], 0, None, None, state=True)
            out.write(msgspec.json.encode(said) + b"\n")
    async for _, found in folded_log(settings, begins.keys() - cut):
        write(found, state=False)
    if cut and not args.snapshot:
        print(
            f"the log of {len(cut)} of {len(begins)} partitions was cut by retention: their rows "
            "as they are now stand in for it",
            file=sys.stderr,
        )
    out.flush()


def _plan(settings: Settings, args: argparse.Namespace) -> int:
    problems: dict[str, str | None] = {}
    if not args.offline:
        problems = {f.name: f.problem for f in asyncio.run(inspect_topics(settings))}
    topics = [
        {
            "name": settings.topic(topic.name),
            "partitions": settings.partition_count(topic),
            "purpose": topic.purpose,
            "settings": settings.privacy.configuration(topic),
            "problem": problems.get(settings.topic(topic.name)),
        }
        for topic in TOPICS
    ]
    access = _access(settings, _principals(args.principal))
    if args.json:
        print(json.dumps({"topics": topics, "access": access}))
    else:
        _print_plan(topics, access)
        print("\n" + _verdict(settings, topics, is_offline=args.offline))
    return EXIT_DIFFERENT if any(problems.values()) else 0


def _verdict(settings: Settings, topics: list[dict[str, Any]], *, is_offline: bool) -> str:
    """Whether the broker has what is planned, in one line."""
    if is_offline:
        return "not compared with a broker (--offline)"
    wrong = sum(topic["problem"] is not None for topic in topics)
    if not wrong:
        return f"ok: {settings.broker} has all {len(topics)} topics as they must be"
    return (
        f"{wrong} of {len(topics)} topics are not as they must be at {settings.broker}; "
        "shoal topics create makes those that are missing"
    )


def _access(settings: Settings, named: dict[str, str]) -> list[dict[str, Any]]:
    """Each role with its principal, its ACLs, and the commands that grant them."""
    found = []
    for role in roles(settings):
        principal = named.get(role.name, f"User:{settings.app}-{role.name}")
        found.append(
            {
                "role": role.name,
                "purpose": role.purpose,
                "principal": principal,
                "acls": [dataclasses.asdict(acl) for acl in role.acls],
                "commands": list(commands(settings, principal, role.acls)),
            }
        )
    return found


def _principals(given: list[str]) -> dict[str, str]:
    """Principals by role, of options such as worker=User:shoal."""
    known = {role.name for role in roles(Settings())}
    found: dict[str, str] = {}
    for text in given:
        role, _, principal = text.partition("=")
        if role not in known or ":" not in principal:
            raise CommandFailedError(
                f"--principal {text[:60]!r} is not ROLE=TYPE:NAME",
                f"write one like worker=User:shoal; roles are {', '.join(sorted(known))}",
                2,
            )
        found[role] = principal
    return found


def _print_plan(topics: list[dict[str, Any]], access: list[dict[str, Any]]) -> None:
    for topic in topics:
        print(f"{topic['name']}  ({topic['partitions']} partitions): {topic['purpose']}")
        for name, value in topic["settings"].items():
            print(f"    {name}={value}")
        if topic["problem"]:
            print(f"  ! {topic['problem']}")
    print("\nACLs: the least for each principal (add --command-config FILE of an administrator)")
    for role in access:
        print(f"\n# {role['role']}: {role['purpose']}")
        for command in role["commands"]:
            print(command)
