"""The row of a customer, which only its partition's engine changes.

Most rows are visitors who only browse, so a part that never came into being costs one byte packed.
Sizes are bounded by the constants of each part's file; a full row packs to under 12 KiB:
512 + 512 message ids of 8 bytes, 50 cart lines of 30, 32 orders of 30, 50 traits.

It is a class, and no struct as its parts are: compiled, its fields are read in a tenth of the time.
"""

from __future__ import annotations

from typing import Any, Final

from stream.clock import NEVER_MS
from stream.state.dedupe import MessageIds
from stream.state.kept import Kept
from stream.state.row_parts import (
    Browse,
    Cart,
    Checkout,
    Messages,
    Orders,
    Pace,
    Sessions,
    Voice,
)

ROW_FORMAT: Final = 3
"""The first element of a packed row."""


class Row:
    """Everything kept of a customer.

    first_ms    when it was first heard of; `last_ms` is of the latest activity of its own
    time_ms     the row's own time: of its latest applied event, fired timer or activation
    timer_ms    when the row next wants to be woken; never later than its next flip
    activation  number of the last version activation that it was evaluated under
    bits        per evaluation unit, two bits a leaf: known, true
    segments    memberships, each with the instant since when
    buckets     population feature -> histogram bucket that it is counted in
    forward_to  where records for this id go instead; the row then holds no state
    targets     recent (id, time) that it was linked to, to tell shared devices
    ways        to whom records for this id went, each since when; "" is itself
    aliases     ids that were merged into it, for erasure
    traits_ms   of the latest identify
    changed_ms  of the latest change of its segments
    learned_ms  when the clusters last learned from it
    windows     what the definitions' measures keep of past events, by key
    shadows     memberships of which nobody is told
    past        segment -> when it was last entered and left, where its rules ask for that
    filled      measure -> whose past was added to it, as hashes, while a backfill goes on
    consent     CHANNEL/PURPOSE -> since when, and whether the customer agrees (state/consents.py)
    voice       what is said to the customer, once there was something to say
    flip_ms     when time next turns a comparison, at the earliest; 0: not known. A timer that is
                due before it is for the end of a visit or the like, and asks for less
    looks       products looked at again -> first view (state/looks.py)
    wishes      products on the wish list -> since when (state/wishes.py)
    flips       unit -> when time next turns a leaf of it; of live rows alone: None in a packed one,
                and until all units have been decided again
    pace        how fast events come, of who had more than 512 within a day
    """

    __slots__ = (
        "activation",
        "aliases",
        "bits",
        "browse",
        "buckets",
        "cart",
        "changed_ms",
        "channels",
        "checkout",
        "cluster",
        "consent",
        "events",
        "filled",
        "first_ms",
        "flip_ms",
        "flips",
        "forward_to",
        "ids",
        "ids_since_ms",
        "last_ms",
        "learned_ms",
        "looks",
        "messages",
        "orders",
        "pace",
        "past",
        "segments",
        "sequence",
        "sessions",
        "shadows",
        "shared",
        "targets",
        "time_ms",
        "timer_ms",
        "traits",
        "traits_ms",
        "voice",
        "ways",
        "windows",
        "wishes",
    )

    # fmt: off
    def __init__(  # noqa: PLR0913 every field has its default
        self, *, timer_ms: int = NEVER_MS, segments: dict[str, int] | None = None,
        first_ms: int = 0, last_ms: int = 0, time_ms: int = 0, sequence: int = 0,
        activation: int = 0, bits: list[int] | None = None, cluster: str | None = None,
        buckets: dict[str, int] | None = None, events: int = 0, ids: MessageIds | None = None,
        ids_since_ms: int = 0, sessions: Sessions | None = None, cart: Cart | None = None,
        checkout: Checkout | None = None, browse: Browse | None = None,
        orders: Orders | None = None, messages: Messages | None = None,
        traits: dict[str, str | int | float | bool] | None = None,
        channels: dict[str, int] | None = None, forward_to: str | None = None,
        shared: bool = False, targets: list[tuple[str, int]] | None = None,
        aliases: list[str] | None = None, traits_ms: int = 0, learned_ms: int = 0,
        changed_ms: int = 0, windows: dict[str, Kept] | None = None,
        shadows: dict[str, int] | None = None, past: dict[str, tuple[int, int]] | None = None,
        filled: dict[str, list[int]] | None = None,
        consent: dict[str, tuple[int, bool]] | None = None, voice: Voice | None = None,
        flip_ms: int = 0, looks: dict[str, int] | None = None,
        wishes: dict[str, int] | None = None, flips: dict[int, int] | None = None,
        ways: tuple[tuple[str, int], ...] = (), pace: Pace | None = None,
    ) -> None:
        self.timer_ms, self.first_ms, self.last_ms = timer_ms, first_ms, last_ms
        self.time_ms, self.sequence, self.activation = time_ms, sequence, activation
        self.cluster, self.events, self.ids = cluster, events, ids
        self.ids_since_ms, self.sessions, self.cart = ids_since_ms, sessions, cart
        self.checkout, self.browse, self.orders = checkout, browse, orders
        self.messages, self.forward_to, self.shared = messages, forward_to, shared
        self.traits_ms, self.learned_ms, self.changed_ms = traits_ms, learned_ms, changed_ms
        self.voice, self.flip_ms, self.flips = voice, flip_ms, flips
        self.ways, self.pace = ways, pace
        self.segments: dict[str, int] = {} if segments is None else segments
        self.bits: list[int] = [] if bits is None else bits
        self.buckets: dict[str, int] = {} if buckets is None else buckets
        self.traits: dict[str, str | int | float | bool] = {} if traits is None else traits
        self.channels: dict[str, int] = {} if channels is None else channels
        self.targets: list[tuple[str, int]] = [] if targets is None else targets
        self.aliases: list[str] = [] if aliases is None else aliases
        self.windows: dict[str, Kept] = {} if windows is None else windows
        self.shadows: dict[str, int] = {} if shadows is None else shadows
        self.past: dict[str, tuple[int, int]] = {} if past is None else past
        self.filled: dict[str, list[int]] = {} if filled is None else filled
        self.consent: dict[str, tuple[int, bool]] = {} if consent is None else consent
        self.looks: dict[str, int] = {} if looks is None else looks
        self.wishes: dict[str, int] = {} if wishes is None else wishes
    # fmt: on

    def values(self) -> tuple[object, ...]:
        """What is packed of the row, in its order (`codec.PackedRow`)."""
        return (
            self.timer_ms,
            self.segments,
            self.shadows,
            self.ids,
            self.first_ms,
            self.last_ms,
            self.time_ms,
            self.sequence,
            self.activation,
            self.bits,
            self.cluster,
            self.buckets,
            self.events,
            self.ids_since_ms,
            self.sessions,
            self.cart,
            self.checkout,
            self.browse,
            self.orders,
            self.messages,
            self.traits,
            self.channels,
            self.forward_to,
            self.shared,
            self.targets,
            self.aliases,
            self.traits_ms,
            self.learned_ms,
            self.changed_ms,
            self.windows,
            self.past,
            self.filled,
            self.consent,
            self.voice,
            self.flip_ms,
            self.looks,
            self.wishes,
            self.ways,
            self.pace,
        )

    def become(self, other: Row) -> None:
        """Take over what another row is, which is used up."""
        self.fill(other.values())
        self.flips = other.flips

    def fill(self, values: tuple[Any, ...]) -> None:
        """Be what was packed."""
        self.flips = None
        (
            self.timer_ms,
            self.segments,
            self.shadows,
            self.ids,
            self.first_ms,
            self.last_ms,
            self.time_ms,
            self.sequence,
            self.activation,
            self.bits,
            self.cluster,
            self.buckets,
            self.events,
            self.ids_since_ms,
            self.sessions,
            self.cart,
            self.checkout,
            self.browse,
            self.orders,
            self.messages,
            self.traits,
            self.channels,
            self.forward_to,
            self.shared,
            self.targets,
            self.aliases,
            self.traits_ms,
            self.learned_ms,
            self.changed_ms,
            self.windows,
            self.past,
            self.filled,
            self.consent,
            self.voice,
            self.flip_ms,
            self.looks,
            self.wishes,
            self.ways,
            self.pace,
        ) = values

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Row):
            return NotImplemented
        return self.values() == other.values() and self.flips == other.flips

    def __hash__(self) -> int:
        raise TypeError("a row changes")

    def __repr__(self) -> str:
        return f"Row{self.values()}"
