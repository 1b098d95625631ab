"""The built-in segments find what is latent in the simulated shop's customers.

The bounds stand with the claims, reckoned from the simulator's parameters. `-s` prints the table.
"""

from __future__ import annotations

import pytest

from stream.segments.pack import load_pack
from stream.shell.definition_file import read_definitions
from tests.simulation.claims import CLAIMS
from tests.simulation.latent import CONFIG, Claim, Heard, hear, score, table

ENOUGH = 5
"""Members, or customers who can be known, from which on a share is asked for."""

DEFINED = load_pack(read_definitions(None)).definitions
BOUNDED = [claim for claim in CLAIMS if claim.precision or claim.recall]


@pytest.fixture(scope="module")
def heard() -> list[Heard]:
    found = hear(CONFIG, read_definitions(None))
    print("\n" + table(score(claim, found) for claim in CLAIMS))
    return found


def test_nearly_everybody_is_heard_of(heard: list[Heard]):
    assert len(heard) > 0.95 * CONFIG.customers


def test_every_claim_is_of_a_segment_of_the_pack():
    assert {claim.segment for claim in CLAIMS} <= DEFINED.keys()


@pytest.mark.parametrize("claim", BOUNDED, ids=lambda claim: claim.segment)
def test_a_segment_finds_whom_it_means(claim: Claim, heard: list[Heard]):
    found = score(claim, heard)
    assert found.members >= ENOUGH or found.knowable < ENOUGH
    if found.members >= ENOUGH:
        assert found.precision is not None
        assert found.precision >= claim.precision
    if found.knowable >= ENOUGH:
        assert found.recall is not None
        assert found.recall >= claim.recall


def test_picking_at_random_is_no_score(heard: list[Heard]):
    """A segment of everybody has the share of the latent as its precision, and no more."""
    for one in heard:
        one.member_of.add("everybody")
    found = score(Claim("everybody", "is heavy", lambda one: one.is_type("heavy"), bool), heard)
    assert found.lift == pytest.approx(1.0)
    assert found.recall == 1.0
