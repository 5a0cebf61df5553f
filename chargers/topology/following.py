"""What follows from what happens to charge points, for this block."""

from chargers.following import Booted
from chargers.models import ChargePoint, Connector
from chargers.topology.places import has_evses


def follow_boot(happened: Booted) -> None:
    """Forget what components of a station reported to be wrong before it booted; what still is, it tells again."""
    wrong = Connector.objects.filter(charge_point_id=happened.charge_point_id).exclude(info="")
    protocols = ChargePoint.objects.filter(pk=happened.charge_point_id).values_list("protocol", flat=True)
    if wrong.exists() and has_evses(protocols.get()):
        wrong.update(info="", vendor_error_code="")
