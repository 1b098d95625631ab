"""Faults of access: credentials that the broker does not know."""

from __future__ import annotations

from tests.kafka.broker import SECURE_PASSWORD, SECURE_USER
from tests.kafka.faults.processes import kill
from tests.kafka.faults.round import Kind, Round

WRONG_PASSWORD = "not-the-password"


async def wrong_password(round_: Round) -> None:
    """Before the start: a worker with a wrong password is refused, and does not tell it."""
    variables = _secure(round_)
    await round_.refuses("SHOAL_SASL", **(variables | {"SHOAL_SASL_PASSWORD": WRONG_PASSWORD}))
    assert WRONG_PASSWORD not in round_.shop.logs()
    # From here on workers come in by the secure listener, with what is right.
    round_.shop.variables |= variables


def _secure(round_: Round) -> dict[str, str]:
    return {
        "SHOAL_BROKER": round_.broker.secure_address,
        "SHOAL_SECURITY_PROTOCOL": "SASL_SSL",
        "SHOAL_SASL_MECHANISM": "PLAIN",
        "SHOAL_SASL_USERNAME": SECURE_USER,
        "SHOAL_SASL_PASSWORD": SECURE_PASSWORD,
        "SHOAL_TLS_CA_FILE": str(round_.broker.certificate),
    }


KINDS = (
    Kind(
        "wrong password",
        "SASL_SSL, refused with a wrong password; with the right one, SIGKILL of a worker",
        kill,
        before=wrong_password,
    ),
)
