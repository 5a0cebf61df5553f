"""The device model of a charge point, as it reported it."""

from django.db.models import QuerySet

from chargers.device_model.models import Component, Variable
from chargers.models import ChargePoint


def components_of(charge_point: ChargePoint) -> QuerySet[Component]:
    """Return the components of a charge point, by their part of an address."""
    return Component.objects.filter(charge_point=charge_point)


def variables_of(charge_point: ChargePoint) -> QuerySet[Variable]:
    """Return the variables of a charge point with their components, by address."""
    rows = Variable.objects.filter(component__charge_point=charge_point).select_related("component")
    return rows.order_by("component__key", "key")
