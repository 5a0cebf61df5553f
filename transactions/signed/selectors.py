"""What is read of signed readings: those of a transaction, each with the public key that belongs to it."""

from typing import Literal

from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat

from chargers.configuration.models import ConfigurationKey
from transactions.models import Transaction
from transactions.signed.models import SignedReading

KeyFrom = Literal["value", "earlier", "later", "charge_point", ""]


def signed_readings(transaction: Transaction) -> QuerySet[SignedReading]:
    """Return the signed readings of a transaction, with the keys that `key_of` chooses from."""
    return with_keys(SignedReading.objects.filter(transaction=transaction))


def with_keys(rows: QuerySet[SignedReading]) -> QuerySet[SignedReading]:
    """Put beside signed readings which keys were told elsewhere, for `key_of`."""
    told = SignedReading.objects.exclude(public_key="")
    # A value without EVSE is of the station's own meter.
    meter = told.filter(charge_point=OuterRef("charge_point"), evse_number=OuterRef("evse_number"))
    same = told.filter(transaction=OuterRef("transaction"), pk__gt=OuterRef("pk"))
    # 2.0.1, appendix 3: FiscalMetering.PublicKey, of the meter of an EVSE or of the station.
    own = Concat(Value("fiscalmetering@"), Cast(OuterRef("evse_number"), CharField()), Value("/publickey"))
    kept = ConfigurationKey.objects.filter(charge_point=OuterRef("charge_point"), known=True).exclude(
        value=None
    )
    return rows.annotate(
        earlier_key=Subquery(meter.filter(pk__lt=OuterRef("pk")).order_by("-pk").values("public_key")[:1]),
        later_key=Subquery(same.order_by("pk").values("public_key")[:1]),
        evse_key=Subquery(kept.filter(folded=own).values("value")[:1]),
        station_key=Subquery(kept.filter(folded="fiscalmetering/publickey").values("value")[:1]),
    )


def key_of(reading: SignedReading) -> tuple[str, KeyFrom]:
    """Return the public key of a reading and where it was told; ("", "") where it never was. Needs `with_keys()`.

    That of the value itself, else the last that its meter told before, else the next one of the same transaction, else
    what the charge point has among its settings.
    """
    if reading.public_key:
        return reading.public_key, "value"
    told: list[tuple[KeyFrom, str]] = [
        ("earlier", "earlier_key"),
        ("later", "later_key"),
        ("charge_point", "evse_key"),
        ("charge_point", "station_key"),
    ]
    for where, name in told:
        if key := getattr(reading, name, None):
            return key, where
    return "", ""
