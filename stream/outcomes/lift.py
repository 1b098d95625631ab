"""The table of lift: what the treated did, what the control group did, and how sure that is.

A segment's action is measured against its own control group where it has one: both get all other
segments' actions. Without one, it is measured against the global control group, who get no action
at all, so the difference is that of everything; `control_group` says which it is. The row of the
segment `*` is the whole programme: everybody's first action of any segment against the global
control group.

What is refunded after a window's end is taken off when it is: a look soon after the end sees
revenue before returns, of both groups alike.

Each interval holds on its own with 95%; of a table of twenty rows without any effect, one is
expected to be wrong at some time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from stream.clock import DAY_MS
from stream.events.records import MICROS
from stream.outcomes.attribution import Attribution, CellKey
from stream.outcomes.intervals import Interval, Verdict, difference_of, verdict_of
from stream.outcomes.plan import PROGRAMME, Plan, programme_plan
from stream.outcomes.windows import Cell


class GroupResult(msgspec.Struct, frozen=True):
    """One side. `customers` had their first window end; rates and means are of those.

    windows  ended ones, later ones of the same customer included; `conversions` is of those
    open     windows that have not ended yet
    revenue, revenue_per_customer  in units of the currency; None without `value: revenue`
    """

    customers: int
    converted: int
    conversion_rate: float
    revenue: float | None
    revenue_per_customer: float | None
    opted_out: int
    windows: int
    conversions: int
    open: int


class Effect(msgspec.Struct, frozen=True):
    """Treated less control with the always-valid bounds, None where there is too little data.

    `lift` is the difference in relation to the control group's mean.
    """

    difference: float
    lift: float | None
    low: float | None
    high: float | None
    verdict: Verdict


class LiftRow(msgspec.Struct, frozen=True):
    """One segment at one horizon; `variant` None stands for all of its treated.

    kind          message or suppress
    control_is    what being in the control group means: not contacted, or not suppressed
    is_own_horizon  the definition's own `within`
    guardrail     the share of opted-out customers, treated less control
    """

    segment: str
    variant: str | None
    horizon_days: float
    is_own_horizon: bool
    event: str
    kind: str
    control_group: str | None
    control_is: str
    treated: GroupResult
    control: GroupResult | None
    conversion: Effect | None
    revenue: Effect | None
    guardrail: Effect | None


def lift_of(attribution: Attribution) -> list[LiftRow]:
    """The rows of every segment that had an exposure: by segment, horizon and variant."""
    cells = attribution.cells
    plans: dict[str, Plan] = {**attribution.plans, PROGRAMME: programme_plan()}
    found = sorted({(segment, horizon) for segment, horizon, _, _ in cells})
    rows: list[LiftRow] = []
    for segment, horizon_ms in found:
        plan = plans[segment]
        group = "segment" if plan.control_share or attribution.draw.control_share else "global"
        rows += _rows(plan, horizon_ms, cells, "global" if segment == PROGRAMME else group)
    return rows


def _rows(
    plan: Plan, horizon_ms: int, cells: Mapping[CellKey, Cell], control_group: str
) -> Iterable[LiftRow]:
    mine = {
        (holdout, variant): cell
        for (segment, horizon, holdout, variant), cell in cells.items()
        if (segment, horizon) == (plan.segment, horizon_ms)
    }
    control = mine.get((control_group, None))
    treated = {variant: cell for (holdout, variant), cell in mine.items() if holdout is None}
    names = sorted(name for name in treated if name is not None)
    everybody = sum(treated.values(), start=Cell())
    sides: list[tuple[str | None, Cell]] = [(None, everybody)]
    if len(names) > 1:
        sides += [(name, treated[name]) for name in names]
    for variant, cell in sides:
        yield LiftRow(
            segment=plan.segment,
            variant=variant,
            horizon_days=horizon_ms / DAY_MS,
            is_own_horizon=horizon_ms == plan.within_ms,
            event=plan.event or "",
            kind=plan.kind,
            control_group=None if control is None else control_group,
            control_is=plan.control_is,
            treated=_result(cell, plan),
            control=None if control is None else _result(control, plan),
            conversion=None if control is None else _effect(cell, control, "converted"),
            revenue=None
            if control is None or not plan.has_value
            else _effect(cell, control, "micros", MICROS),
            guardrail=None if control is None else _effect(cell, control, "opted_out"),
        )


def _result(cell: Cell, plan: Plan) -> GroupResult:
    return GroupResult(
        customers=cell.converted.count,
        converted=cell.converted.total,
        conversion_rate=round(cell.converted.mean, 6),
        revenue=cell.micros.total / MICROS if plan.has_value else None,
        revenue_per_customer=round(cell.micros.mean / MICROS, 4) if plan.has_value else None,
        opted_out=cell.opted_out.total,
        windows=cell.windows,
        conversions=cell.conversions,
        open=cell.open,
    )


def _effect(treated: Cell, control: Cell, what: str, unit: int = 1) -> Effect:
    mine, theirs = getattr(treated, what), getattr(control, what)
    interval: Interval | None = difference_of(mine, theirs)
    difference = (mine.mean - theirs.mean) / unit
    return Effect(
        difference=round(difference, 6),
        lift=round((mine.mean - theirs.mean) / theirs.mean, 4) if theirs.total > 0 else None,
        low=None if interval is None else round(interval.low / unit, 6),
        high=None if interval is None else round(interval.high / unit, 6),
        verdict=verdict_of(interval),
    )
