"""What every test may ask for, and which tests this machine can run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


ONE_BROKER, SECURED_BROKER = "one broker", "secured broker"
SHARED = {
    "tests/kafka/test_fault_rounds.py": "",  # has brokers of its own
    "tests/kafka/test_roles.py": SECURED_BROKER,
    "tests/kafka/test_secrets.py": SECURED_BROKER,
    "tests/kafka/test_security.py": SECURED_BROKER,
    "tests/kafka/": ONE_BROKER,
    "tests/contracts/test_faust": ONE_BROKER,
    "tests/contracts/test_reconnects.py": ONE_BROKER,
}
"""What the tests share whose files begin so; the first that fits."""


def scope_of(test_id: str) -> str:
    """What one process runs as a whole: the tests that share a broker, or those of a file.

    >>> scope_of("tests/kafka/test_worker.py::test_a"), scope_of("tests/state/test_row.py::test_b")
    ('one broker', 'tests/state/test_row.py')
    """
    file = test_id.partition("::")[0]
    return next((what for begins, what in SHARED.items() if file.startswith(begins)), "") or file


class ByBroker(LoadScopeScheduling):
    """Deals what processes run as a whole, where there are several."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByBroker:
    """`pytest -n 2` asks who is to have which tests."""
    return ByBroker(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with its reason, what this machine lacks the means for; in CI nothing is skipped."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        # First those that take longest, and wait for most of it.
        items.sort(key=lambda item: scope_of(item.nodeid) not in {ONE_BROKER, SECURED_BROKER})
    absent = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    for item in items:
        if item.get_closest_marker("kafka") and absent and not IN_CI:
            reason = f"a real Kafka broker needs {' and '.join(absent)}: apt-get install maven"
            item.add_marker(pytest.mark.skip(reason=reason))
        if item.get_closest_marker("real") and not SHARED_DATA.is_dir() and not IN_CI:
            item.add_marker(pytest.mark.skip(reason=f"no data sets in {SHARED_DATA}"))


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder with pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real data sets, for tests marked `real`."""
    if not SHARED_DATA.is_dir():
        pytest.fail(f"{SHARED_DATA} is missing: tests marked `real` need it")
    return SHARED_DATA
