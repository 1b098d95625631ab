"""Known defects of Faust that cannot be hit, because what they are in is not used.

The table in the README's *Reliability* says for each of the fifteen which test shows it.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from stream.shell.app import new_app
from stream.shell.settings import Settings
from tests.kafka.fixtures import kafka, place
from tests.kafka.installation import event, until
from tests.kafka.recorder import Recorder

__all__ = ["kafka", "place"]

ROOT = Path(__file__).parents[2]


def test_there_are_no_agents_and_no_tables():
    """None to acknowledge what failed, to expire by the wall clock, or to keep others' keys."""
    app = new_app(Settings())
    assert (dict(app.agents), dict(app.tables.data)) == ({}, {})
    assert app.conf.table_standby_replicas == 1


def test_fausts_transactions_and_its_producer_are_not_used():
    app = new_app(Settings())
    assert app.conf.processing_guarantee.value == "at_least_once"
    used = [path for path in (ROOT / "stream").rglob("*.py") if "app.send(" in path.read_text()]
    assert used == []


def test_fausts_web_server_is_off():
    assert new_app(Settings()).conf.web_enabled is False


def test_a_session_ends_in_seconds_and_polls_may_take_as_long_as_they_need():
    conf = new_app(Settings()).conf
    assert conf.broker_session_timeout == 10
    assert conf.broker_max_poll_interval >= 3_600


def test_rebalances_need_no_tracer():
    """Releases 0.13.1 to 0.15.1 failed in each one where `opentracing` was not installed."""
    assert importlib.util.find_spec("opentracing") is None
    assert new_app(Settings()).tracer is None


@pytest.mark.kafka
async def test_faust_commits_nothing_whatever_is_read(place):
    """Not past what is in flight, nor at all: positions are in the meta records."""
    await place.create()
    async with Recorder(place.settings) as reader:
        reader.goes_on = True
        await until(lambda: reader.held)
        await place.send("events", [event("c", n, 1_795_000_000_000 + n) for n in range(40)])
        await reader.go_on()
        await until(lambda: sum(map(len, reader.offsets.values())) == 40)
    assert await place.committed() == {}


def test_each_of_the_fifteen_has_a_test_that_is_there():
    table = (ROOT / "README.md").read_text("utf-8").partition("| Faust's defect |")[2]
    rows = [line for line in table.partition("\n\n")[0].splitlines() if re.match(r"\| \d", line)]
    assert [int(row.split("|")[1].split()[0]) for row in rows] == list(range(1, 16))
    tests = "\n".join(p.read_text("utf-8") for p in (ROOT / "tests").rglob("test_*.py"))
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert not [name for name in named if f"def {name}(" not in tests]
