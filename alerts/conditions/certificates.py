"""Certificates of charge points that end, and requests for new ones that get nowhere."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from alerts.conditions.table import condition
from alerts.conditions.words import moment, said, serving, where
from alerts.finding import Found, Param, Params, Scope
from alerts.models import TEXT_MAX
from chargers.certificates.models import InstalledCertificate, SigningRequest


@condition(
    "certificate-expires",
    "A charge point's own certificate ends soon",
    Param("days", "days", 30, 1, 365, title="Before its end"),
)
def expires(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """One that has ended is another condition."""
    ahead = timedelta(days=params["days"])
    return _certificates(Q(not_after__gt=now, not_after__lte=now + ahead), "expires", ahead, scope)


@condition("certificate-expired", "A charge point's own certificate has ended")
def expired(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """It cannot connect by it."""
    return _certificates(Q(not_after__lte=now), "expired", timedelta(0), scope)


def _certificates(ending: Q, verb: str, ahead: timedelta, scope: Scope) -> Iterator[Found]:
    own = InstalledCertificate.objects.filter(
        ending,
        serving(scope, "charge_point__"),
        use=InstalledCertificate.Use.CHARGE_POINT,
        removed_at=None,
    )
    rows: Iterable[Any] = own.order_by().values_list(
        "pk", "charge_point", "charge_point__cp_id", "charge_point__name", "not_after"
    )
    for pk, charge_point_id, cp_id, name, end in rows:
        text = f"The certificate of {where(cp_id, name)} {verb} at {moment(end)}."
        yield Found(f"certificate:{pk}", end - ahead, text, charge_point_id)


@condition("certificate-request-waits", "A charge point's request for a certificate waits for a person")
def request_waits(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Until somebody approves or rejects it."""
    return _requests(Q(status=SigningRequest.Status.PENDING), "waits for approval.", scope)


@condition(
    "certificate-unsigned", "A certificate was approved, and the authority could not sign it", retold=True
)
def unsigned(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """It is tried again by itself, so it begins when a look first finds it: without us nobody tries."""
    failing = Q(status=SigningRequest.Status.APPROVED) & ~Q(signing_error="")
    return _requests(failing, "could not be signed: ", scope, since=now)


def _requests(which: Q, what: str, scope: Scope, since: datetime | None = None) -> Iterator[Found]:
    # `status` in the words of the index of those that are open.
    rows: Iterable[Any] = (
        SigningRequest.objects.filter(which, serving(scope, "charge_point__"))
        .order_by()
        .values_list(
            "pk",
            "charge_point",
            "charge_point__cp_id",
            "charge_point__name",
            "received_at",
            "signing_error",
        )
    )
    for pk, charge_point_id, cp_id, name, received_at, error in rows:
        text = f"The request of {where(cp_id, name)} for a certificate {what}"
        if what.endswith(": "):
            text += said(error)
        yield Found(f"certificate-request:{pk}", since or received_at, text[:TEXT_MAX], charge_point_id)
