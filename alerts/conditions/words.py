"""How findings are put: who it is about, and what strangers wrote, as one line of bounded length can hold it."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db.models import Q

from alerts.finding import Found, Scope
from alerts.models import TEXT_MAX
from chargers.models import Registration

SAID_MAX = 120  # characters of each thing that a charge point said
NAME_MAX = 60  # of a name that people gave
FOUND_MAX = 1000
"""As many subjects a condition names at most where strangers decide how many there are."""


def in_service(of: str = "") -> Q:
    """Return the condition for charge points that are expected to serve; `of` leads to them."""
    return Q(**{f"{of}retired_at": None, f"{of}registration": Registration.ACCEPTED})


def serving(scope: Scope, of: str = "") -> Q:
    """Return the condition for those of them that are in a scope."""
    return in_service(of) & scope.of(of)


def said(text: str, most: int = SAID_MAX) -> str:
    """Return what a stranger wrote as a line can hold it: one line, nothing that is not seen, not too long."""
    start = text[: 4 * most]  # the rest is cut anyway, whatever it is
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(start.split()))
    return line if len(line) <= most and len(start) == len(text) else f"{line[: most - 1]}…"


def mark(text: str, most: int = 100) -> str:
    """Return a stranger's word as a part of a subject: itself, or its beginning with a digest that tells it apart."""
    line = said(text, most)
    if line == text:
        return line
    digest = sha256(text.encode(errors="replace")).hexdigest()[:8]
    return f"{said(text, most - 9)}#{digest}"


def where(cp_id: str, name: str = "") -> str:
    """Return how people call a charge point: by its name, if it has one, and always by its identity."""
    return f"{said(name, NAME_MAX)} ({cp_id})" if name and name != cp_id else cp_id


def at_connector(
    cp_id: str, name: str, number: int | None, evse: int | None = None, outlet: int | None = None
) -> str:
    """Return how people call a connector; 0 is the station itself.

    OCPP 2.x tells places by an EVSE and a connector of it (`outlet`; none = the whole EVSE), not by the house's number.
    """
    if evse:
        return (
            f"EVSE {evse}, connector {outlet} of {where(cp_id, name)}"
            if outlet
            else f"EVSE {evse} of {where(cp_id, name)}"
        )
    return f"Connector {number} of {where(cp_id, name)}" if number else f"The station {where(cp_id, name)}"


def connector_subject(cp_id: str, number: int | None) -> str:
    """Return the subject that a connector is."""
    return f"connector:{cp_id}/{number or 0}"


def of_connector(
    charge_point_id: int,
    cp_id: str,
    name: str,
    number: int,
    evse: int | None = None,
    outlet: int | None = None,
    *,
    text: str,
    **found: Any,
) -> Found:
    """Return a finding about a connector, or the station itself; the text goes on behind its name."""
    return Found(
        connector_subject(cp_id, number),
        text=f"{at_connector(cp_id, name, number, evse, outlet)} {text}"[:TEXT_MAX],
        charge_point_id=charge_point_id,
        connector_number=number,
        **found,
    )


def of_charge_point(charge_point_id: int, cp_id: str, *, text: str, **found: Any) -> Found:
    """Return a finding about a charge point."""
    return Found(f"charge-point:{cp_id}", text=text[:TEXT_MAX], charge_point_id=charge_point_id, **found)


def minutes(count: int) -> timedelta:
    """Return so many minutes."""
    return timedelta(minutes=count)


def moment(at: datetime) -> str:
    """Return a time for people who may be anywhere."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
