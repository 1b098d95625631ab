"""What every test may ask for, and which tests this machine can run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with its reason, what this machine lacks the means for; in CI nothing is skipped."""
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
