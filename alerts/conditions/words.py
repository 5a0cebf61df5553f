"""How findings are put: who it is about, and what strangers wrote, as one line of bounded length can hold it."""

from datetime import datetime, timedelta
from hashlib import sha256
from math import inf
from typing import Any

from django.db.models import OuterRef, Q, Subquery

from alerts.finding import Fact, Found, Outlet, Scope
from alerts.models import TEXT_MAX
from chargers.handling import INT32_MAX
from chargers.models import Connector, Registration
from chargers.protocol.versions import OCPP_2X
from chargers.topology.places import MOST

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


def its_connector(column: str) -> Subquery:
    """Return, for `values_list`, what the connector that a row names has in a column; in OCPP 2.x only."""
    its = Connector.objects.filter(
        charge_point=OuterRef("charge_point"),
        number=OuterRef("connector_number"),
        charge_point__protocol__in=OCPP_2X,
    )
    return Subquery(its.values(column)[:1])


def whole_number(value: Any, most: float = inf) -> int | None:
    """Return what an event says if it is a whole number from 0 to `most`; else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None


def outlet_of(fact: Fact) -> Outlet:
    """Return where a fact is about; None for each number that it does not tell, or that nothing can have."""
    number = whole_number(fact.payload.get("connector_id"), INT32_MAX - 1)
    evse = whole_number(fact.payload.get("evse_id"), MOST)
    if evse is None:
        return Outlet(number)
    return Outlet(number, evse, whole_number(fact.payload.get("evse_connector_id"), MOST))


def at_outlet(cp_id: str, name: str, outlet: Outlet) -> str:
    """Return how people call an outlet, or the station itself, where a sentence begins."""
    called = outlet.called
    of = where(cp_id, name)
    return f"{called[0].upper()}{called[1:]} of {of}" if called else f"The station {of}"


def outlet_subject(cp_id: str, outlet: Outlet) -> str:
    """Return the subject that an outlet is: the house's number, or the EVSE where nothing tells of a connector."""
    if outlet.connector_number is None and outlet.evse_number:
        return f"evse:{cp_id}/{outlet.evse_number}"
    return f"connector:{cp_id}/{outlet.connector_number or 0}"


def of_outlet(
    charge_point_id: int, cp_id: str, name: str, outlet: Outlet, *, text: str, **found: Any
) -> Found:
    """Return a finding about an outlet, or the station itself; the text goes on behind its name."""
    return Found(
        outlet_subject(cp_id, outlet),
        text=f"{at_outlet(cp_id, name, outlet)} {text}"[:TEXT_MAX],
        charge_point_id=charge_point_id,
        **outlet._asdict(),
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
