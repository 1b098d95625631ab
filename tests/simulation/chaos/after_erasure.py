"""What must hold of customers who were erased: nothing of before is there, whatever came late.

Judged by the raw records: which ids were said to be theirs, and which messages were of before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from stream.state.dedupe import is_duplicate
from stream.state.row import Row
from tests.simulation.chaos.differences import expect
from tests.simulation.chaos.expected import Told


class Erased(NamedTuple):
    """A request to erase a customer: up to when, and whether what comes later is refused too."""

    time_ms: int
    refuses: bool


def expect_erased(
    erased: Mapping[str, Erased],
    told: Told,
    rows: Mapping[str, Row],
    memberships: Mapping[str, set[str]],
) -> int:
    """Look at every id of the erased; how many messages of before were looked for.

    Raises
    ------
    WrongError
    """
    looked = 0
    for customer, request in erased.items():
        if request.refuses:
            for identity in (customer, *told.linked.get(customer, ())):
                expect(f"row of the erased {identity}", rows.get(identity), None)
                expect(
                    f"segments of the erased {identity}", memberships.get(identity, set()), set()
                )
        row = rows.get(customer)
        for time_ms, message in told.messages.get(customer, ()):
            if time_ms > request.time_ms:
                continue
            looked += 1
            known = row is not None and is_duplicate(row, xxh3_64_intdigest(message.encode()))
            expect(f"{message} of before the erasure of {customer} in the row", known, False)
    return looked
