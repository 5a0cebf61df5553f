"""What can be wrong, each a question about all charge points at once: which subjects, since when, and in words.

A condition takes the time and yields what it holds for at that time by what is stored. It knows nothing of the past
of alerts, so it answers the same before and after a restart.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Greatest

from alerts.finding import Condition, Found, Happening, Params, Scope
from alerts.models import TEXT_MAX
from chargers.certificates.models import InstalledCertificate
from chargers.models import (
    CLOCK_OFF_SECONDS,
    ChargePoint,
    Connection,
    Connector,
    ConnectorStatus,
    Process,
    Registration,
)
from transactions.remote_control.models import UnexplainedCharging

SAID_MAX = 120  # characters of each thing that a charge point said
BREAK = timedelta(
    minutes=5
)  # charge points that were turned away for so long are back within any duration here
LOOKED_BACK = timedelta(days=1)
EXPIRES_WITHIN = timedelta(days=30)


def in_service(of: str = "") -> Q:
    """Return the condition for charge points that are expected to serve; `of` leads to them."""
    return Q(**{f"{of}retired_at": None, f"{of}registration": Registration.ACCEPTED})


def said(text: str) -> str:
    """Return what a charge point wrote as a line can hold it: one line, nothing that is not seen, not too long."""
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split()))
    return line if len(line) <= SAID_MAX else f"{line[: SAID_MAX - 1]}…"


def _of_connector(charge_point_id: int, cp_id: str, number: int, *, since: datetime, text: str) -> Found:
    what = f"Connector {number} of {cp_id}" if number else f"The station {cp_id}"
    return Found(f"connector:{cp_id}/{number}", since, f"{what} {text}"[:TEXT_MAX], charge_point_id, number)


def _of_charge_point(charge_point_id: int, cp_id: str, **found: Any) -> Found:
    return Found(f"charge-point:{cp_id}", charge_point_id=charge_point_id, **found)


# --- connections ------------------------------------------------------------------------------------------------------


def offline(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Charge points that were connected before and are not now."""
    ended = Connection.objects.filter(charge_point=OuterRef("pk"), closed_at__isnull=False)
    last = ended.order_by("-opened_at").annotate(ended_at=Greatest("opened_at", "closed_at"))
    rows = ChargePoint.objects.filter(in_service(), scope.of(), connection_id=None)
    gone = rows.order_by().values_list("pk", "cp_id", Subquery(last.values("ended_at")[:1]))
    served = served_since(now)
    for pk, cp_id, since in gone:
        if since is not None:
            text = f"{cp_id} is offline."
            yield _of_charge_point(pk, cp_id, began_at=since, text=text, counted_from=max(since, served))


def served_since(now: datetime) -> datetime:
    """Return since when there has always been a server process to connect to, but for short breaks.

    While there is none, nobody can be online: that is not the fault of charge points, and they need time to come back.
    """
    since = now
    signs = Process.objects.filter(seen_at__gte=now - LOOKED_BACK).order_by("-seen_at")
    for started_at, seen_at in signs.values_list("started_at", "seen_at"):
        if seen_at < since - BREAK:
            break
        since = min(since, started_at)
    return since


# --- what charge points report ----------------------------------------------------------------------------------------


def faulted(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Connectors, and stations, whose last state is Faulted."""
    rows = Connector.objects.filter(
        in_service("charge_point__"), scope.of("charge_point__"), status=ConnectorStatus.FAULTED
    ).order_by()
    columns = ("error_code", "vendor_error_code", "info")
    for pk, cp_id, number, since, *words in rows.values_list(
        "charge_point_id", "charge_point__cp_id", "number", "received_at", *columns
    ):
        why = ", ".join(said(word) for word in words if word and word != "NoError")
        text = f"is faulted: {why}" if why else "is faulted, and does not say why."
        yield _of_connector(pk, cp_id, number, since=since or now, text=text)


def clock_off(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Charge points whose clock misleads people, as it was last measured."""
    off = Q(clock_skew_seconds__gt=CLOCK_OFF_SECONDS) | Q(clock_skew_seconds__lt=-CLOCK_OFF_SECONDS)
    rows: Iterable[Any] = (
        ChargePoint.objects.filter(in_service(), scope.of(), off)
        .order_by()
        .values_list("pk", "cp_id", "clock_skew_seconds", "clock_measured_at")
    )
    for pk, cp_id, seconds, since in rows:
        text = f"The clock of {cp_id} is {abs(seconds)} s {'fast' if seconds > 0 else 'slow'}."
        yield _of_charge_point(pk, cp_id, began_at=since or now, text=text)


def charging_unexplained(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Connectors that charge without a transaction."""
    rows = UnexplainedCharging.objects.filter(
        in_service("charge_point__"), scope.of("charge_point__"), ended_at=None
    ).order_by()
    for pk, cp_id, number, since in rows.values_list(
        "charge_point_id", "charge_point__cp_id", "connector_number", "since"
    ):
        text = "charges, and no transaction of it is known."
        yield _of_connector(pk, cp_id, number, since=since, text=text)


# --- certificates -----------------------------------------------------------------------------------------------------


def certificate_expires(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Charge points' own certificates that are valid and end soon."""
    soon = Q(not_after__gt=now, not_after__lte=now + EXPIRES_WITHIN)
    return _certificates(soon & scope.of("charge_point__"), "expires", EXPIRES_WITHIN)


def certificate_expired(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Charge points' own certificates that have ended."""
    return _certificates(Q(not_after__lte=now) & scope.of("charge_point__"), "expired", timedelta(0))


def _certificates(ending: Q, verb: str, ahead: timedelta) -> Iterator[Found]:
    own = InstalledCertificate.objects.filter(
        ending, in_service("charge_point__"), use=InstalledCertificate.Use.CHARGE_POINT, removed_at=None
    )
    rows: Iterable[Any] = own.order_by().values_list("pk", "charge_point", "charge_point__cp_id", "not_after")
    for pk, charge_point_id, cp_id, end in rows:
        text = f"The certificate of {cp_id} {verb} at {end:%Y-%m-%d %H:%M} UTC."
        yield Found(f"certificate:{pk}", end - ahead, text, charge_point_id)


CONDITIONS: dict[str, Condition] = {
    condition.slug: condition
    for condition in (
        Condition("offline", "Offline", offline),
        Condition("faulted", "Faulted", faulted, retold=True),
        Condition("certificate-expired", "Certificate expired", certificate_expired),
        Condition("certificate-expires", "Certificate expires", certificate_expires),
        Condition("charging-unexplained", "Charging without a transaction", charging_unexplained),
        Condition("clock-off", "Clock off", clock_off, retold=True),
    )
}
HAPPENINGS: dict[str, Happening] = {}
