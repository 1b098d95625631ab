"""Who comes to the shop: the shares of the customer types and of those who log in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from stream.simulation.customer_types import TYPES, CustomerType

_BY_NAME = {kind.name: kind for kind in TYPES}


class Population:
    """Shares from which customers are drawn.

    Parameters
    ----------
    types
        Shares of named types; the others keep their proportions in what is left.
    logins
        Share of customers who have an account; None: what the types say. Each type moves in
        proportion: nobody at 0, everybody at 1.

    Raises
    ------
    ValueError
        For a type that is none, and for shares that do not fit into 1.
    """

    __slots__ = ("_accounts", "_kinds")

    def __init__(
        self, types: Sequence[tuple[str, float]] = (), logins: float | None = None
    ) -> None:
        shares = _shares(types)
        self._kinds = tuple((kind, shares[kind.name]) for kind in TYPES)
        self._accounts = {kind.name: kind.account_ratio for kind in TYPES}
        if logins is None:
            return
        if not 0.0 <= logins <= 1.0:
            raise ValueError(f"logins {logins} is no share from 0 to 1")
        mean = sum(kind.account_ratio * share for kind, share in self._kinds)
        for name, ratio in self._accounts.items():
            if logins <= mean:
                self._accounts[name] = ratio * logins / mean
            else:
                self._accounts[name] = 1.0 - (1.0 - ratio) * (1.0 - logins) / (1.0 - mean)

    def type_at(self, quantile: float) -> CustomerType:
        """The type of a customer whose draw from 0 to 1 is `quantile`.

        >>> Population().type_at(0.0).name, Population().type_at(0.9999).name
        ('heavy', 'message_tired')
        """
        rest = quantile
        last = TYPES[-1]
        for kind, share in self._kinds:
            if share > 0.0:
                last = kind
            rest -= share
            if rest < 0.0:
                return kind
        return last

    def account_ratio(self, kind: CustomerType) -> float:
        """How many of a type have an account."""
        return self._accounts[kind.name]


def _shares(types: Sequence[tuple[str, float]]) -> dict[str, float]:
    given = dict(types)
    for name, share in given.items():
        if name not in _BY_NAME:
            raise ValueError(f"no customer type {name!r}: there are {', '.join(_BY_NAME)}")
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"{name} {share} is no share from 0 to 1")
    left = 1.0 - sum(given.values())
    others = sum(kind.share for kind in TYPES if kind.name not in given)
    if left < -1e-9 or (left > 1e-9 and not others):
        raise ValueError(f"the shares of customer types are {1.0 - left:g} in sum, not 1")
    return {
        kind.name: given.get(kind.name, kind.share * max(left, 0.0) / (others or 1.0))
        for kind in TYPES
    }


@lru_cache(maxsize=8)
def population(types: tuple[tuple[str, float], ...], logins: float | None) -> Population:
    """The population of a traffic's settings, drawn up once."""
    return Population(types, logins)
