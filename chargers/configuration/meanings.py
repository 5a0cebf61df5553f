"""What a charge point is set to, by what it means: each version of OCPP has names of its own for it."""

from collections.abc import Mapping
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from chargers.configuration import selectors
from chargers.models import ChargePoint
from chargers.protocol.versions import Version


def meanings() -> Mapping[Version, Mapping[str, str]]:
    """Return the names of each version; named in the settings, since only `ocppNN.py` files know them."""
    return cast(Mapping[Version, Mapping[str, str]], import_string(settings.OCPP_MEANINGS))


def name_of(charge_point_id: int, meaning: str) -> str:
    """Return under which name a charge point keeps what is meant; "" where its version has none for it."""
    protocol = ChargePoint.objects.filter(pk=charge_point_id).values_list("protocol", flat=True).first()
    return meanings()[Version(protocol or Version.V16)].get(meaning, "")


def meant(charge_point_id: int, meaning: str) -> str | None:
    """Return what a charge point last reported of what is meant, such as "connection_timeout"; None if nothing."""
    name = name_of(charge_point_id, meaning)
    return selectors.reported_value(charge_point_id, name) if name else None


def meant_number(charge_point_id: int, meaning: str) -> int | None:
    """Return the whole number that a charge point last reported of what is meant; None if there is none."""
    return selectors.read_number(meant(charge_point_id, meaning))
