"""What has happened at a charge point, told to the blocks that follow it, in the transaction in which it happened.

A follower is a function of one of these values. It runs in the writer's transaction and may be run twice, like a
handler; `csms.routing.FOLLOWERS` says who follows what. What leaves the house is told by `record()`, not here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from chargers.topology.places import Place

NO_RESTART = "Triggered"


@dataclass(frozen=True, slots=True)
class Booted:
    """A charge point has booted and will be answered with `registration`.

    `changes` has what differs from its last boot: name of the fact -> (before, now); at the first boot, all it said.
    """

    charge_point_id: int
    cp_id: str
    registration: str
    changes: Mapping[str, tuple[str, str]]
    now: datetime
    reason: str = ""
    """Why it booted, in OCPP's words; 1.6 does not tell."""

    @property
    def restarted(self) -> bool:
        """Whether it has restarted: in 2.x it says so where it was only asked for the message (B01)."""
        return self.reason != NO_RESTART


@dataclass(frozen=True, slots=True)
class StatusReported:
    """A connector's status came; 0 is the station. `current` says whether it is now the connector's state.

    `status` is the word as it was reported; `place` where the connector is by OCPP 2.x, None in 1.6.
    """

    charge_point_id: int
    cp_id: str
    connector_number: int
    status: str
    error_code: str
    current: bool
    now: datetime
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class VersionChanged:
    """A charge point has connected with another version of OCPP than the last time."""

    charge_point_id: int
    cp_id: str
    before: str
    version: str
    now: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A charge point has connected with a password or certificate: with which security profile.

    `newest` is false for one that signed in with its old password after it was told a new one.
    """

    charge_point_id: int
    cp_id: str
    security_profile: int
    newest: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class CommandSettled:
    """A command has its final status. `word` is the charge point's own in its answer, `error_code` its CALLERROR's.

    `action` is the OCPP action with which it was claimed; "" for one that never was.
    """

    charge_point_id: int
    cp_id: str
    command_id: UUID
    type: str
    status: str
    word: str
    error_code: str
    now: datetime
    action: str = ""


@dataclass(frozen=True, slots=True)
class ReportOver:
    """A report that was asked for came to its end: it was used whole, or it cannot be. `state` is one of Report.State.

    `again` is the command by which it was asked for once more, if it was; that one will come to its own end.
    """

    charge_point_id: int
    cp_id: str
    report_id: UUID
    kind: str
    about: str
    state: str
    command_id: UUID
    now: datetime
    again: UUID | None = None


Follower = Callable[[Any], None]


def tell(happening: object) -> None:
    """Tell those who follow it, in the order of the table."""
    followers = cast(Mapping[type, Sequence[Follower]], import_string(settings.OCPP_FOLLOWERS))
    for follower in followers.get(type(happening), ()):
        follower(happening)
