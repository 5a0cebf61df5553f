"""What conditions and happenings are: how something is found to be wrong, of whom, and by which figures.

A condition is a question in time about all subjects at once. A happening is an edge in the stream of events. Both are
tables of `alerts.conditions`; rules name one of their rows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Upper
from django.db.models.lookups import In

from chargers.labels import HasLabel
from chargers.topology.places import called

Params = Mapping[str, Any]
"""The parameters of a rule, all of them, each as its table allows it."""


class Outlet(NamedTuple):
    """Where at a charge point something is: by the house's number and, in OCPP 2.x, by EVSE and connector.

    0 is the station itself, or the whole EVSE; None is what nobody told, and in 1.6 there are no EVSEs.
    """

    connector_number: int | None = None
    evse_number: int | None = None
    evse_connector: int | None = None

    @property
    def called(self) -> str:
        """How people call it; nothing for the station itself."""
        return called(*self)


@dataclass(frozen=True, slots=True)
class Found:
    """What a condition holds for, or what has happened, and since when. The numbers are those of an Outlet."""

    subject: str
    began_at: datetime
    text: str
    charge_point_id: int | None = None
    connector_number: int | None = None
    evse_number: int | None = None
    evse_connector: int | None = None
    counted_from: datetime | None = None
    """Later than `began_at` where a part of the time does not count."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What else is known of the subject, such as the sink or the site; what the charge point tells is added."""
    certain: bool = True
    """Otherwise nobody can know at present, as after a stop of ours: it begins no alert, and ends none."""


@dataclass(frozen=True, slots=True)
class Param:
    """One figure of a rule. A whole number from `least` to `most`, or one of `choices` where there are any."""

    name: str
    unit: str
    default: int | str
    least: int = 0
    most: int = 0
    choices: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which charge points a rule is about: between kinds all must hold, within a kind one; nothing stands for all.

    Identities are compared without regard to case, as everywhere. A label's name is a value here, never a word of a
    lookup, so it may be called anything.
    """

    cp_ids: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def everything(self) -> bool:
        """Whether it leaves nothing out."""
        return not (self.cp_ids or self.sites or self.models or self.labels)

    def of(self, prefix: str = "") -> Q:
        """Return the condition for charge points to which `prefix` leads, such as `charge_point__`."""
        found = Q()
        if self.cp_ids:
            found &= Q(In(Upper(f"{prefix}cp_id"), [cp_id.upper() for cp_id in self.cp_ids]))
        for name, values in (("site", self.sites), ("model", self.models)):
            if values:
                found &= Q(**{f"{prefix}{name}__in": values})
        if self.labels:
            some = Q()
            for name, value in self.labels:
                some |= Q(HasLabel(f"{prefix}labels", name=name, value=value))
            found &= some
        return found

    def covers(self, cp_id: str, site: str, model: str, labels: Mapping[str, str]) -> bool:
        """Whether a charge point is in it; the same as `of()`, of one that is at hand."""
        return (
            (not self.cp_ids or cp_id.upper() in {each.upper() for each in self.cp_ids})
            and (not self.sites or site in self.sites)
            and (not self.models or model in self.models)
            and (not self.labels or any(labels.get(name) == value for name, value in self.labels))
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """A question in time about all subjects; a bounded number of queries, whatever the size of the fleet."""

    slug: str
    title: str
    find: Callable[[datetime, Params, Scope], Iterable[Found]]
    params: tuple[Param, ...] = ()
    retold: bool = False
    """What is stored is when it was last reported, not first: then the beginning that was seen first stands."""
    scoped: bool = True
    """Whether its subjects are charge points, or parts of them; else a rule about it has no scope."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An event of the outbox, with what is known of its charge point."""

    id: UUID
    type: str
    at: datetime
    payload: Mapping[str, Any]
    cp_id: str = ""
    charge_point_id: int | None = None
    """None too for one that nobody knows any more."""
    name: str = ""
    """The name that people gave the charge point; empty without one."""
    clock_skew: timedelta | None = None
    """How far its clock is ahead of ours, as it was last measured; None while that is not known."""
    approved: bool = False
    """Whether somebody has approved of it; it may be kept waiting all the same, to be set up first (2.0.1, B02)."""


class Word(NamedTuple):
    """What an event says of a subject, in a word; the last one is kept, so that the same again is no edge."""

    subject: str
    word: str


HOLD = Param("hold", "s", 900, 60, 7 * 86400, title="How long it stays open, unless its end is seen before")
"""Every happening has it."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An edge in the stream of events. Its functions are pure: a fact, the last word, the parameters."""

    slug: str
    title: str
    types: tuple[str, ...]
    edge: Callable[[Fact, str | None, Params], Found | None]
    """What has happened, given the last word that was known before; None if it is no edge."""
    params: tuple[Param, ...] = (HOLD,)
    word: Callable[[Fact], Word | None] = lambda fact: None
    """What the fact says of its subject in a word, whatever the parameters; None: it is not about one that is kept."""
    over: Callable[[Fact, Params], str | None] = lambda fact, params: None
    """The subject whose alert ends by this fact; None if it ends none."""
    scoped: bool = True
