"""What is wrong with charging: none that succeeds, none that flows, none that ends, and commands that fail."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from alerts.conditions.service import RETURN, doubtful_before, last_start
from alerts.conditions.table import condition
from alerts.conditions.words import (
    FOUND_MAX,
    at_connector,
    mark,
    minutes,
    of_charge_point,
    of_connector,
    said,
    serving,
    where,
)
from alerts.finding import Found, Param, Params, Scope
from alerts.models import TEXT_MAX
from chargers.models import ChargePoint, Command, Connector, ConnectorStatus
from csms.core.ids import uuid7_floor
from transactions.models import MeterValue, Transaction
from transactions.remote_control.models import UnexplainedCharging
from transactions.stuck.cases import CHOOSE, NO_ENERGY_FOR, cases, dismissed
from transactions.stuck.models import Kind

Status = Command.Status
UNANSWERED = (Status.FAILED, Status.TIMED_OUT, Status.EXPIRED)
ENDED = (Status.ACCEPTED, Status.REJECTED, *UNANSWERED)


@condition("charging-unexplained", "A connector reports that it charges, and no transaction of it is known")
def unexplained(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Since the report. After a stop of ours the start of its transaction may be on its way."""
    rows = UnexplainedCharging.objects.filter(serving(scope, "charge_point__"), ended_at=None).order_by()
    its = list(
        rows.values_list(
            "charge_point_id", "charge_point__cp_id", "charge_point__name", "connector_number", "since"
        )
    )
    doubt = doubtful_before(now) if its else None
    for pk, cp_id, name, number, since in its:
        text = "charges, and no transaction of it is known."
        certain = doubt is None or since >= doubt
        yield of_connector(pk, cp_id, name, number, began_at=since, text=text, certain=certain)


@condition(
    "no-session",
    "No session at a charge point has delivered energy for long",
    Param("days", "days", 14, 1, 365, title="Since the last that did, or since it was registered"),
    Param("energy", "Wh", 100, 1, 100_000, title="A session that delivered less is none"),
)
def no_session(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """One that is open counts as one that delivers: whether it is stuck is another condition."""
    allowed = timedelta(days=params["days"])
    its = Transaction.objects.filter(charge_point=OuterRef("pk"))
    delivered = Q(energy_wh__gte=params["energy"])
    lately = its.filter(delivered, started_at__gt=now - allowed)
    last = its.filter(delivered).order_by("-started_at").values("stopped_at")[:1]
    rows = ChargePoint.objects.filter(
        serving(scope),
        ~Exists(lately),
        ~Exists(its.filter(status=Transaction.Status.ACTIVE)),
        created_at__lte=now - allowed,
    )
    found = list(rows.order_by().values_list("pk", "cp_id", "name", "created_at", Subquery(last)))
    certain = not found or doubtful_before(now) is None
    for pk, cp_id, name, created_at, stopped_at in found:
        since = max(filter(None, (created_at, stopped_at)))
        if since > now - allowed:
            continue
        ever = (
            "has delivered energy" if stopped_at is None else f"has delivered energy since {since:%Y-%m-%d}"
        )
        text = f"No session at {where(cp_id, name)} {ever}."
        yield of_charge_point(pk, cp_id, text=text, began_at=since + allowed, certain=certain)


@condition(
    "no-power",
    "A connector charges, and no power flows",
    Param("minutes", "min", 15, 2, 720, title="By all readings within so much time"),
    Param("power", "W", 50, 1, 10_000, title="Less than so much is none"),
    retold=True,
)
def no_power(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Only where readings tell of power; readings that were told late say nothing about now.

    After a stop of ours it takes as long again until readings can tell.
    """
    since = now - minutes(params["minutes"])
    certain = doubtful_before(now, RETURN + minutes(params["minutes"])) is None
    readings = MeterValue.objects.filter(
        transaction=OuterRef("pk"),
        pk__gte=uuid7_floor(since),
        sampled_at__gt=since,
        power_w__isnull=False,
        offline=False,
    )
    charging = Connector.objects.filter(
        charge_point=OuterRef("charge_point"),
        number=OuterRef("connector_number"),
        status=ConnectorStatus.CHARGING,
    )
    rows = Transaction.objects.filter(
        Exists(charging),
        Exists(readings) if certain else Q(),
        ~Exists(readings.filter(power_w__gte=params["power"])),
        serving(scope, "charge_point__"),
        status=Transaction.Status.ACTIVE,
        superseded=False,
        started_at__lte=since,
    )
    # A connector that was busy when another began has two.
    its: Iterable[Any] = (
        rows.order_by()
        .values_list(
            "charge_point_id", "charge_point__cp_id", "charge_point__name", "connector_number", "evse_number"
        )
        .distinct()
    )
    for pk, cp_id, name, number, evse in its:
        text = f"charges, and for {params['minutes']} minutes no power flows."
        yield of_connector(pk, cp_id, name, number, evse, began_at=now, text=text, certain=certain)


@condition(
    "session-stuck",
    "A session is stuck",
    Param("kind", "", Kind.ZOMBIE.value, choices=tuple(Kind.values), title="In which way"),
    retold=True,
)
def stuck(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """The desk of stuck sessions shows them with the evidence; what was dismissed there is not found here.

    One of which no end was seen is a zombie from when a look first finds it. Without a reading lately nobody knows
    whether a register stands.
    """
    kind = Kind(params["kind"])
    how = kind.label[:1].lower() + kind.label[1:]
    if kind == Kind.UNMATCHED:
        yield from _unmatched(how, now, scope)
        return
    begun = Value(now) if kind == Kind.ZOMBIE else F("started_at")
    lately = MeterValue.objects.filter(
        transaction=OuterRef("pk"), pk__gte=uuid7_floor(now - NO_ENERGY_FOR), energy_wh__isnull=False
    )
    told = Exists(lately) if kind == Kind.ZERO_ENERGY else Value(True)
    rows: list[Any] = list(
        CHOOSE[kind](now)
        .filter(~dismissed(kind, now), serving(scope, "charge_point__"))
        .order_by("started_at", "pk")
        .annotate(since=Coalesce(F("end_seen_at"), begun), told=told)
        .values_list(
            "pk",
            "transaction_id",
            "charge_point",
            "charge_point__cp_id",
            "charge_point__name",
            "connector_number",
            "evse_number",
            "since",
            "told",
        )[:FOUND_MAX]
    )
    in_doubt = bool(rows) and doubtful_before(now) is not None
    for pk, wire_id, charge_point_id, cp_id, name, number, evse, since, is_told in rows:
        text = f"Session {said(wire_id)} of {at_connector(cp_id, name, number, evse)} is stuck: {how}."
        certain = is_told and not in_doubt
        yield Found(f"transaction:{pk}", since, text[:TEXT_MAX], charge_point_id, number, certain=certain)


def _unmatched(how: str, now: datetime, scope: Scope) -> Iterator[Found]:
    found = cases(Kind.UNMATCHED, now=now, at_most=FOUND_MAX)
    ours = {case.charge_point.pk for case in found}
    if found:
        ours = set(ChargePoint.objects.filter(serving(scope), pk__in=ours).values_list("pk", flat=True))
    for case in found:
        charge_point = case.charge_point
        if charge_point.pk in ours:
            what = at_connector(charge_point.cp_id, charge_point.name, case.connector_number)
            text = f"Session {said(case.claimed_id)} of {what} is stuck: {how}."
            subject = f"readings:{charge_point.cp_id}/{mark(case.claimed_id, 36)}"
            yield Found(subject, case.since or now, text[:TEXT_MAX], charge_point.pk, case.connector_number)


@condition(
    "commands-fail",
    "A charge point does not answer a large part of its commands",
    Param("share", "%", 50, 1, 100, title="Failed, timed out or expired, of those that ended"),
    Param("least", "commands", 5, 1, 1000, title="So many of them at least"),
    Param("hours", "h", 6, 1, 168, title="Within so much time"),
    retold=True,
)
def commands_fail(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """A refusal is an answer. By the time at which they were given, and none from before our last start: what was not
    sent, or whose answer was not heard, is our own fault.
    """
    since = now - timedelta(hours=params["hours"])
    if (started := last_start(now)) is not None:
        since = max(since, started + RETURN)
    rows: Iterable[Any] = (
        Command.objects.filter(serving(scope, "charge_point__"), pk__gte=uuid7_floor(since), status__in=ENDED)
        .order_by()
        .values_list("charge_point", "charge_point__cp_id", "charge_point__name")
        .annotate(ended=Count("pk"), failed=Count("pk", filter=Q(status__in=UNANSWERED)))
        .filter(failed__gte=params["least"])
    )
    for pk, cp_id, name, ended, failed in rows:
        if failed * 100 < ended * params["share"]:
            continue
        text = f"{failed} of {ended} commands to {where(cp_id, name)} were not answered."
        yield of_charge_point(pk, cp_id, text=text, began_at=now)
