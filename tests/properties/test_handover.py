"""Whatever happens before, during and after a switch: readers of both runs hear one voice."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import pytest

from stream.clock import rfc3339
from stream.engine.effects import StoredRecord
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.engine.succession import Former, Succession
from stream.events.actions import ActionTurned
from stream.events.records import Erase, Link, Record, Tick, Version, encode_record
from stream.state.row_parts import Voice
from tests.properties.test_voice import CAPS, happening, pack
from tests.state.shopping import HOUR, MINUTE, START_MS

SEEDS = range(24)

CUSTOMERS = ("a", "b", "c")


def rules(content: bytes, name: str, active_ms: int) -> Version:
    return Version(kind="definitions", name=name, active_ms=active_ms, content=content)


def busy_log(random: Random, *, links: bool) -> list[StoredRecord]:
    """So much that caps and waiting matter at any moment."""
    log: list[StoredRecord] = []
    now_ms, default = START_MS, random.choice(["allow", "allow", "deny"])

    def put(key: str | None, record: Record) -> None:
        log.append(StoredRecord(len(log), now_ms, key and key.encode(), encode_record(record)))

    put(None, rules(pack(random, default), "0", 0))
    for number in range(250):
        now_ms += random.choice([1, MINUTE, 10 * MINUTE, HOUR, 2 * HOUR])
        put(None, Tick(clock_ms=now_ms))
        draw, customer = random.random(), random.choice(CUSTOMERS)
        if draw < 0.02:
            put(None, rules(pack(random, default), f"{number}", now_ms))
        elif draw < 0.04 and links:
            put(customer, Link(target=random.choice(CUSTOMERS), time_ms=now_ms, received_ms=now_ms))
        else:
            put(customer, happening(random, now_ms))
    return log


class Reader:
    """Follows what is told, of both runs.

    untold     ids of what the new run has started before it served, of which nobody was told
    has_links  what was said to an id goes with it, to a row that no log here has: so no caps
    """

    def __init__(self, *, has_links: bool) -> None:
        self.has_links = has_links
        self.open: dict[str, ActionTurned] = {}
        self.starts: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.latest: dict[str, int] = defaultdict(int)
        self.untold: set[str] = set()
        self.reasons: Counter[str | None] = Counter()

    def hear(self, told: list[ActionTurned], *, is_settled: bool = True) -> None:
        """Take what was told; before the records of the switch the runs do not agree yet."""
        for one in told:
            assert one.sequence > self.latest[one.customer]
            self.latest[one.customer] = one.sequence
            if one.started:
                assert one.id not in self.open
                self.open[one.id] = one
                self.count(one, is_settled=is_settled)
            else:
                self.reasons[one.reason] += 1
                known = self.open.pop(one.of or "", None)
                assert known is not None or (not is_settled and one.of in self.untold)
                assert known is None or known.segment == one.segment
            if is_settled:
                assert max(self.messages().values(), default=0) <= 1

    def forget(self, customers: set[str]) -> None:
        """Whom the new run has erased nobody knows to have been spoken to before."""
        for customer, channel in list(self.starts):
            if customer in customers:
                del self.starts[customer, channel]

    def messages(self) -> Counter[str]:
        return Counter(one.customer for one in self.open.values() if one.kind == "message")

    def count(self, one: ActionTurned, *, is_settled: bool) -> None:
        for channel in one.channels if one.kind == "message" else ():
            starts = self.starts[one.customer, channel]
            starts.append(one.time_ms)
            most, per_ms = CAPS.get(channel, (1_000, 1))
            within = [at_ms for at_ms in starts if at_ms > one.time_ms - per_ms]
            assert len(within) <= most or not is_settled or self.has_links

    def check(self, engine: PartitionEngine) -> None:
        """What is open is what the run that serves has said and not taken back."""
        found = []
        for key, row in engine.store.rows():
            voice = row.voice or Voice()
            spoken = [*voice.suppressing.values(), *([voice.current] if voice.current else [])]
            found += [(key.decode(), one.segment) for one in spoken]
        assert sorted((one.customer, one.segment) for one in self.open.values()) == sorted(found)


class Switching:
    """A log, which the former run folds up to its end, and the new one from the beginning."""

    def __init__(self, seed: int) -> None:
        random = self.random = Random(seed)
        self.log = busy_log(random, links=seed % 2 == 1)
        self.ended = random.randrange(len(self.log) * 4 // 10, len(self.log) * 7 // 10)
        self.former = PartitionEngine(0, EngineSettings(shop="s", incarnation="1"))
        self.new = PartitionEngine(0, EngineSettings(shop="s", incarnation="2"))
        self.new_log: list[StoredRecord] = []

    def fold(self, records: list[StoredRecord]) -> list[ActionTurned]:
        """Fold records into the new run one by one; its log has some that the former's has not."""
        said = []
        for record in records:
            value = record.value
            at = len(self.new_log)
            self.new_log.append(StoredRecord(at, record.timestamp, record.key, value))
            said += self.new.fold([self.new_log[-1]]).actions
        return said

    def rules(self) -> StoredRecord:
        """The new run's, which may be other ones."""
        content = pack(self.random, self.random.choice(["allow", "deny"]))
        version = encode_record(rules(content, "n", 0))
        own = StoredRecord(0, self.log[0].timestamp, None, version)
        return self.random.choice([self.log[0], own])

    def handovers(self, now_ms: int) -> list[StoredRecord]:
        succession = Succession(self.new, Former("1", self.former.clock_ms))
        found = []
        for customer in CUSTOMERS:
            key = customer.encode()
            row = self.former.store.peek(key)
            said = Voice() if row is None or row.voice is None else row.voice
            held = {} if row is None else row.segments
            told = {segment: rfc3339(at_ms) for segment, at_ms in held.items()}
            record = succession.handover(key, said, told)
            if record is not None:
                found.append(StoredRecord(0, now_ms, key, encode_record(record)))
        return found

    def erase_some(self, now_ms: int) -> list[StoredRecord]:
        """Somebody is erased before the switch, and the former run has not heard of it."""
        if self.random.random() < 0.5:
            return []
        key = self.random.choice(CUSTOMERS).encode()
        erase = Erase(time_ms=now_ms, received_ms=now_ms, request="r")
        return [StoredRecord(0, now_ms, key, encode_record(erase))]


@pytest.mark.parametrize("seed", SEEDS)
def test_readers_hear_one_voice_across_a_switch(seed: int):
    run, reader = Switching(seed), Reader(has_links=seed % 2 == 1)
    log, ended = run.log, run.ended
    for record in log[:ended]:
        reader.hear(run.former.fold([record]).actions)
    switched = ended + run.random.randrange(0, 60)
    settled = switched + run.random.randrange(0, 60)
    erased = run.erase_some(log[ended].timestamp)
    untold = run.fold([run.rules(), *log[1:ended], *erased])
    reader.forget({(one.key or b"").decode() for one in erased})
    untold += run.fold(log[ended:switched])
    reader.untold = {one.id for one in untold if one.started}
    records = run.handovers(log[switched].timestamp)
    reader.hear(run.fold(log[switched:settled]), is_settled=False)
    said = run.fold([StoredRecord(0, log[settled].timestamp, r.key, r.value) for r in records])
    reader.hear(said, is_settled=False)
    reader.check(run.new)
    assert max(reader.messages().values(), default=0) <= 1
    reader.hear(run.fold(log[settled:]))
    reader.check(run.new)
