"""Which security profile a charge point may be given (S16-74, T-037)."""

from chargers.commands.ordering import Draft, bad_param
from chargers.models import Command


def check_profile(draft: Draft, reported: str | None) -> None:
    """Refuse a lower profile (T-037), and a higher one whose prerequisites are not there (S16-74)."""
    charge_point, value = draft.charge_point, draft.params.value
    if value not in ("1", "2", "3"):
        raise bad_param("value", "a security profile is 1, 2 or 3")
    present = max(charge_point.security_profile, int(reported) if reported in ("1", "2", "3") else 0)
    wanted = int(value)
    if wanted < present:
        raise bad_param("value", f"it has security profile {present}, which is never lowered over OCPP")
    if wanted < 3 and not charge_point.password_hash:
        raise bad_param(
            "value", f"security profile {wanted} needs a password: set its authorization key first"
        )
    if wanted == present or draft.params.prerequisites_met:
        return
    accepted = Command.objects.filter(charge_point=charge_point, status=Command.Status.ACCEPTED)
    roots = accepted.filter(type="install-certificate", params__certificate_type="central_system_root")
    if wanted == 2 and not roots.exists():
        raise bad_param("value", "security profile 2 needs a root certificate: install it first")
    if wanted == 3 and not accepted.filter(type="certificate-signed").exists():
        raise bad_param("value", "security profile 3 needs a client certificate: have one signed first")
