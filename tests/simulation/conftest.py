"""One simulated month for all tests that only look at it."""

from __future__ import annotations

import pytest

from tests.simulation.month import Month, month_of


@pytest.fixture(scope="session")
def month() -> Month:
    return month_of()
