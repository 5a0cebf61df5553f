"""What is read of charging without a transaction."""

from django.db.models import QuerySet

from transactions.remote_control.models import UnexplainedCharging


def unexplained_charging(charge_point_id: int) -> QuerySet[UnexplainedCharging]:
    """Return the times in which connectors of a charge point charged and no transaction was known."""
    return UnexplainedCharging.objects.filter(charge_point_id=charge_point_id)
