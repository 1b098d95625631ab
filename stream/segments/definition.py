"""What a definitions file says, as types: the shape that is checked before anything is compiled."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from stream.state.pace import EVENTS_PER_MINUTE_MAX

Share = Annotated[float, msgspec.Meta(ge=0, le=0.5)]
"""Of customers, kept as a control group."""

Weight = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

Name = Annotated[str, msgspec.Meta(pattern=r"^(?!cluster:|quarantine:)[A-Za-z0-9_.:{}-]{1,100}$")]
"""Of letters, digits and `_ . : -`, and names of `each` in braces; memberships of clusters are
named `cluster:ID`, of who is held apart `quarantine:rate`."""


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is left out is not part of a version: a new field renames nothing."""


class Success(_Said, frozen=True):
    """How it shows that a segment earns its keep: an event within a time of the entry."""

    event: str
    value: str | None = None
    within: str | None = None


class Variant(_Said, frozen=True):
    name: str
    weight: Weight = 1
    incentive: str | None = None


class Action(_Said, frozen=True):
    """What to do for a member. `enabled` actions are on by default; at most five are.

    consent   the purpose that the customer must have agreed to
    kind      message or suppress; a suppression needs no consent to marketing, and is lifted on
              exit
    purpose   the legal purpose of a suppression
    control   share of the members who are left alone, to see what the action earns
    min_size  a segment of fewer members does not act; sizes are of the last closed day
    """

    channels: tuple[str, ...] = ()
    message: str | None = None
    consent: str | None = None
    kind: str = "message"
    purpose: str | None = None
    enabled: bool = False
    control: Share = 0.0
    variants: tuple[Variant, ...] = ()
    min_size: Annotated[int, msgspec.Meta(ge=0)] = 0


class Definition(_Said, frozen=True):
    """One segment.

    min_stay     a member stays at least so long, whatever happens
    cooldown     who left does not come back sooner
    reentry      always, once, or once per a time, as in `once per 90 * DAY`
    jitter       waves are told spread over this time, by customer; the flip is not moved
    shadow       it is decided and measured, and tells nobody
    valid_from   day or instant at which it begins, at the shop
    valid_until  ... and at which it ends
    review_by    day by which somebody should look at it again
    each         names in capitals -> values; there is a definition for each, where {NAME} is it
    needs        purpose, or CHANNEL/PURPOSE, without whose consent nobody is a member
    """

    name: Name
    purpose: str
    enter: str
    title: str | None = None
    exit: str | None = None
    min_stay: str | None = None
    cooldown: str | None = None
    reentry: str | None = None
    jitter: str | None = None
    priority: int = 50
    group: str | None = None
    shadow: bool = False
    valid_from: str | None = None
    valid_until: str | None = None
    review_by: str | None = None
    needs: str | None = None
    success: Success | None = None
    action: Action = Action()
    each: dict[str, tuple[str, ...]] = {}


class Control(_Said, frozen=True):
    """The global control group: the same customers for all segments, left alone by every action."""

    share: Share = 0.0
    salt: str = "shoal"


Hour = Annotated[int, msgspec.Meta(ge=0, le=23)]


class Voice(_Said, frozen=True):
    """How often and when a customer is spoken to.

    caps         channel -> how many message actions in how long, as in `2 per 7 * DAY`
    quiet_hours  hours of the shop's day at which messages begin and cease to wait, as [21, 8]
    """

    caps: dict[str, str] = {}
    quiet_hours: tuple[Hour, Hour] | None = None


class Consent(_Said, frozen=True):
    """What the shop's own words about consent mean, as PURPOSE or CHANNEL/PURPOSE.

    categories  of the consent tool -> what they are about, one or several
    traits      -> what a true one agrees to; after `not `, what it refuses
    """

    categories: dict[str, str | tuple[str, ...]] = {}
    traits: dict[str, str] = {}


class Quarantine(_Said, frozen=True):
    """When a customer sends more than a person can, and how long its events are not applied then.

    events_per_minute  more within a minute of event time; 0: there is no quarantine
    """

    events_per_minute: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = EVENTS_PER_MINUTE_MAX
    hold: str = "1 * HOUR"


class Document(_Said, frozen=True):
    """A definitions file.

    customer  what counts as a customer: the denominator of every rate
    timezone  of the shop, for hours, weekdays and days
    consent_default  what silence means where consent is asked for. By the GDPR it is no consent
        (article 4(11), recital 32), so it is deny; allow is for shops that have asked elsewhere, or
        write to their own customers about similar goods (directive 2002/58/EC, article 13(2))
    """

    segments: tuple[Definition, ...]
    settings: dict[str, int | float | str] = {}
    customer: str | None = None
    timezone: str = "UTC"
    control: Control = Control()
    consent_default: Literal["allow", "deny"] = "deny"
    consent: Consent = Consent()
    voice: Voice = Voice()
    quarantine: Quarantine = Quarantine()
