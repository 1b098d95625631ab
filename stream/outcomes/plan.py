"""What of a definition is measured: its success, its action, its control group and variants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from stream.clock import DAY_MS
from stream.events.names import canonical_name
from stream.events.records import CustomerEvent, OrderCompleted, OrderRefunded
from stream.events.vocabulary import event_kind, told_by
from stream.outcomes.assignment import Assignment, assign
from stream.segments.definition import Definition, Success, Variant
from stream.segments.source import Source

HORIZON_DAYS = (3, 30, 90)
"""Results are told at each of these, besides the definition's own `within`."""

SUPPRESS = "suppress"
PROGRAMME = "*"
"""Stands for all segments together: the treated against the global control group."""

Kind = Literal["message", "suppress"]
ORDER_COMPLETED = "Order Completed"


class Draw(NamedTuple):
    """How customers are drawn: the salt's name, the share of the global control group, and the
    segments' share where an action has none. Where it is `stamped`, the changes say it themselves.
    """

    salt: str = "shoal"
    control_share: float = 0.0
    global_share: float = 0.0
    stamped: bool = False


class Plan(NamedTuple):
    """What is measured of one segment.

    event       name of the success event, None for a segment without one
    is_success  whether a record is one; orders are counted by their numbers instead
    has_value   whether the event's money is summed up (`value: revenue`)
    within_ms   the definition's own horizon, None without
    kind        message, or suppress: then the control group is the one that is not suppressed
    is_enabled  whether the action is on
    """

    segment: str
    event: str | None
    is_success: Callable[[CustomerEvent], bool]
    has_value: bool
    within_ms: int | None
    kind: str
    is_enabled: bool
    control_share: float
    variants: tuple[Variant, ...]

    @property
    def is_of_orders(self) -> bool:
        """Whether an order is the success."""
        return self.event == ORDER_COMPLETED

    @property
    def horizons_ms(self) -> tuple[int, ...]:
        """Every horizon that is measured, shortest first."""
        own = () if self.within_ms is None else (self.within_ms,)
        return tuple(sorted({*own, *(days * DAY_MS for days in HORIZON_DAYS)}))

    @property
    def control_is(self) -> str:
        """What it means to be in this segment's control group."""
        return "not suppressed" if self.kind == SUPPRESS else "not contacted"

    def assignment(self, customer: str, draw: Draw) -> Assignment:
        """The group and variant of a customer who enters the segment."""
        share = self.control_share or draw.control_share
        return assign(customer, self.segment, draw.salt, share, draw.global_share, self.variants)


def plans_of(content: bytes, file: str = "definitions") -> tuple[dict[str, Plan], Draw]:
    """The plan of each segment of a definitions file by name, and how the file has them drawn.

    Raises
    ------
    DefinitionError
        As for `load_pack`, which checks more.
    """
    source = Source(content, file)
    document = source.document()
    settings = source.settings(document)
    plans: dict[str, Plan] = {}
    for at, definition in enumerate(document.segments):
        success = definition.success
        within_ms = None
        if success is not None and success.within is not None:
            path = ("segments", at, "success", "within")
            within_ms = int(source.number(path, success.within, settings))
        plans[definition.name] = _plan(definition, success, within_ms)
    control = document.control
    return plans, Draw(salt=control.salt, global_share=control.share, stamped=True)


def programme_plan() -> Plan:
    """Orders and their revenue after the first action of any segment."""
    return Plan(PROGRAMME, ORDER_COMPLETED, success_of(ORDER_COMPLETED), True, None, "message",
                True, 0.0, ())  # fmt: skip


def _plan(definition: Definition, success: Success | None, within_ms: int | None) -> Plan:
    action = definition.action
    event = None if success is None else canonical_name(success.event) or success.event
    return Plan(
        definition.name,
        event,
        success_of(event),
        success is not None and success.value == "revenue",
        within_ms,
        action.kind,
        action.enabled,
        action.control,
        action.variants,
    )


def success_of(event: str | None) -> Callable[[CustomerEvent], bool]:
    """Whether a record is an event of this name, as conditions name it."""
    return (lambda _: False) if event is None else told_by(event_kind(event))


def value_micros(record: CustomerEvent) -> int:
    """The money of a success that is no order: what a refund paid back, else nothing."""
    if isinstance(record, OrderRefunded):
        if record.refund_micros is not None:
            return record.refund_micros
        return amount_micros(record)
    return 0


def amount_micros(record: OrderCompleted | OrderRefunded) -> int:
    """The sum of the lines that have a price."""
    return sum((item.price_micros or 0) * item.quantity for item in record.items)
