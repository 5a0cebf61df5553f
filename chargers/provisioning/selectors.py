"""What is known of how charge points were set up."""

from chargers.models import ChargePoint
from chargers.provisioning.models import ProvisioningRun


def latest_run(charge_point: ChargePoint) -> ProvisioningRun | None:
    """Return the last time that a charge point was set up, perhaps now; None if it never was."""
    return ProvisioningRun.objects.filter(charge_point=charge_point).order_by("-id").first()
