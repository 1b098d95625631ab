"""Was anything lost, told twice, told wrongly or out of order? The log decides.

Two questions, each with an answer that owes nothing to the run. Raw topic to log: every record that
can be decoded stands in the log exactly once, a key's in their order, and the others are dead
letters. Log to changes: what the run told and kept is what a replay of its log tells and keeps.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from stream.engine.effects import Counts
from stream.engine.meta import META_KEY, Meta, unpack_meta
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.cloudevent import encode_action, encode_change, encode_membership
from stream.events.envelope import RejectedEventError, decode
from stream.events.records import Event, decode_record, encode_record
from stream.state.codec import unpack
from tests.kafka.installation import Installation

SHOWN = 3
"""Examples of each finding in what a red round prints."""

STAGE = "__shoal.errors.stage"


class Verdict(msgspec.Struct):
    """What was found of a round; every list is empty where all is well.

    lost, extra  ids of changes that only the replay, only the run has told
    differing    ids told with another payload
    repeated     ids told more than once, with the same payload or not
    disordered   customers whose sequence has a gap or a step back
    problems     everything else, in words: input, rows, memberships, actions, counts
    """

    raw: int = 0
    folded: int = 0
    changes: int = 0
    lost: list[str] = []
    extra: list[str] = []
    differing: list[str] = []
    repeated: list[str] = []
    disordered: list[str] = []
    problems: list[str] = []

    @property
    def is_clean(self) -> bool:
        return not self.words()

    def words(self) -> list[str]:
        """What is wrong, with a few examples of each."""
        names = ("lost", "extra", "differing", "repeated", "disordered")
        lists = ((name, getattr(self, name)) for name in names)
        found = [f"{len(ids)} {name}: {', '.join(ids[:SHOWN])}" for name, ids in lists if ids]
        return found + self.problems


class _Replayed:
    """What the engine tells of the log, folded record by record of each partition."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        self.rows: dict[bytes, bytes | None] = {}
        self.memberships: dict[bytes, bytes | None] = {}
        self.actions: Counter[bytes] = Counter()
        self.dead = 0
        self.counts = Counts()

    def fold(self, partition: int, records: list[Any]) -> None:
        effects = PartitionEngine(partition, EngineSettings()).fold(records)
        self.changes += [json.loads(encode_change(c, "shop")) for c in effects.changes]
        self.actions.update(encode_action(turned, "shop") for turned in effects.actions)
        self.rows |= effects.rows
        self.memberships |= {
            customer.encode(): None if now is None else encode_membership(now)
            for customer, now in effects.memberships.items()
        }
        self.dead += len(effects.dead)
        self.counts.add(effects.counts)


async def judge(shop: Installation, *, is_whole: bool = True) -> Verdict:
    """Read everything that the run has committed, and compare. The workers have ended.

    `is_whole`: and nothing of the raw topic is left to be routed.
    """
    verdict = Verdict()
    if shop.says("delivery: plain"):
        verdict.problems.append("a worker has written without transactions")
    log = await shop.read("customer-events")
    letters = [dict(letter.headers)[STAGE] for letter in await shop.read("dead-letters")]
    kept = await shop.read("customers-changelog")
    metas = {r.partition: unpack_meta(r.value) for r in kept if r.key == META_KEY}
    raw = await shop.read("events")
    routed = [r for r in raw if r.partition in metas and r.offset < _routed_to(metas[r.partition])]
    if is_whole and len(routed) < len(raw):
        verdict.problems.append(f"{len(raw) - len(routed)} raw records have not been routed")
    verdict.raw = len(routed)
    verdict.problems += input_problems(routed, log, letters.count(b"decode"))
    replayed = _Replayed()
    for partition, meta in metas.items():
        folded = [r for r in log if r.partition == partition and r.offset < meta.next_offset]
        verdict.folded += len(folded)
        replayed.fold(partition, folded)
    told = [json.loads(record.value) for record in await shop.read("segment-changes")]
    verdict.changes = len(told)
    compare_changes(verdict, told, replayed.changes)
    problems = verdict.problems
    if _rows({r.key: r.value for r in kept}) != _rows(replayed.rows):
        problems.append("the rows in the changelog are not those of the replay")
    members = {r.key: r.value for r in await shop.read("memberships")}
    if _present(members) != _present(replayed.memberships):
        problems.append("the memberships are not those of the replay")
    if Counter(r.value for r in await shop.read("actions")) != replayed.actions:
        problems.append("the actions are not those of the replay")
    if letters.count(b"fold") != replayed.dead:
        problems.append(f"{letters.count(b'fold')} dead letters of the log, not {replayed.dead}")
    if not adds_up(replayed.counts):
        problems.append(f"the counts do not add up: {replayed.counts}")
    return verdict


def compare_changes(
    verdict: Verdict, told: list[dict[str, Any]], replayed: list[dict[str, Any]]
) -> None:
    """Note in the verdict what is lost, extra, different, repeated and out of order."""
    live, offline = _by_id(told), _by_id(replayed)
    verdict.lost = sorted(offline.keys() - live.keys())
    verdict.extra = sorted(live.keys() - offline.keys())
    both = live.keys() & offline.keys()
    verdict.differing = sorted(i for i in both if any(c != offline[i][0] for c in live[i]))
    verdict.repeated = sorted(i for i, changes in live.items() if len(changes) > 1)
    latest: dict[str, int] = defaultdict(int)
    disordered = set()
    for changes in live.values():
        # Deduped by id, as consumers are told to.
        customer, sequence = changes[0]["subject"], int(changes[0]["sequence"])
        if sequence != latest[customer] + 1:
            disordered.add(customer)
        latest[customer] = sequence
    verdict.disordered = sorted(disordered)


def input_problems(raw: Iterable[Any], log: Iterable[Any], letters: int) -> list[str]:
    """How the log differs from the raw topic, decoded record by record."""
    expected: dict[bytes, list[bytes]] = defaultdict(list)
    broken = 0
    for record in raw:
        try:
            call = decode(record.value, record.timestamp, None)
            if call.record is not None:
                expected[call.key.encode()].append(encode_record(call.record))
        except RejectedEventError:
            broken += 1
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for record in log:
        if record.key is not None and _is_first_hand(record.value):
            found[record.key].append(record.value)
    problems = []
    if letters != broken:
        problems.append(f"{broken} raw records cannot be decoded, {letters} are dead letters")
    was, now = Counter(_pairs(expected)), Counter(_pairs(found))
    if was != now:
        lost, extra = (was - now).total(), (now - was).total()
        problems.append(f"of the raw events {lost} are lost and {extra} are extra in the log")
    elif expected != found:
        count = sum(found[key] != values for key, values in expected.items())
        problems.append(f"the events of {count} customers are not in their order in the log")
    return problems


def adds_up(counts: Counts) -> bool:
    """Every record has one end."""
    ends = (counts.applied, counts.duplicate, counts.forwarded, counts.control, counts.dead)
    return counts.consumed == sum(ends)


def _routed_to(meta: Meta) -> int:
    return meta.source.next_offset if meta.source else 0


def _is_first_hand(value: bytes) -> bool:
    """Whether a record of the log came from the raw topic, and was not forwarded by a row."""
    record = decode_record(value)
    return isinstance(record, Event) and not record.path


def _pairs(values: dict[bytes, list[bytes]]) -> Iterable[tuple[bytes, bytes]]:
    return ((key, value) for key, each in values.items() for value in each)


def _by_id(changes: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Changes by id, in the order of each id's first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for change in changes:
        found.setdefault(change["id"], []).append(change)
    return found


def _present(values: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    return {key: value for key, value in values.items() if value is not None}


def _rows(values: dict[bytes, bytes | None]) -> dict[bytes, Any]:
    """Customers' rows, without how far each has walked along the versions: walking on by one that
    changes nothing for it is not written, so it depends on when a row was written last.
    """
    rows = {k: unpack(v) for k, v in _present(values).items() if not k.startswith(b"\0")}
    for row in rows.values():
        row.activation = 0
    return rows
