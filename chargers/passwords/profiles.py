"""Which passwords and security profiles a charge point may be given by which command (S16-74, T-037, S2-111)."""

from chargers.commands.ordering import Draft, bad_param
from chargers.device_model.addresses import is_address
from chargers.models import ChargePoint, Command
from chargers.passwords.names import is_password, is_profile


def refuse_sign_in(name: str, field: str = "key") -> None:
    """Refuse to set what no setting of variables may: a password, and the security profile of 2.x (S2-111)."""
    if is_password(name):  # it would be ours, too: who may not change it here may not there
        raise bad_param(field, "a password is changed by a command of its own, set-authorization-key")
    if is_profile(name) and is_address(name):
        raise bad_param(field, "a security profile is changed through network profiles")


def check_profile(draft: Draft, reported: str | None) -> None:
    """Refuse a lower profile (T-037), and a higher one whose prerequisites are not there (S16-74)."""
    charge_point, value = draft.charge_point, draft.params.value
    if value not in ("1", "2", "3"):
        raise bad_param("value", "a security profile is 1, 2 or 3")
    present = max(charge_point.security_profile, int(reported) if reported in ("1", "2", "3") else 0)
    wanted = int(value)
    if wanted < present:
        raise bad_param("value", f"it has security profile {present}, which is never lowered over OCPP")
    met = wanted == present or draft.params.prerequisites_met
    if lacks := lacking(charge_point, wanted, has_certificates=met):
        raise bad_param("value", lacks)


def lacking(charge_point: ChargePoint, profile: int, *, has_certificates: bool = False) -> str:
    """Return what a charge point still needs before it can connect with a security profile; "" for nothing.

    `has_certificates`: what it needs of them is there, though it did not come from us.
    """
    if profile < 3 and not charge_point.password_hash:
        return f"security profile {profile} needs a password: set its authorization key first"
    if has_certificates:
        return ""
    accepted = Command.objects.filter(charge_point=charge_point, status=Command.Status.ACCEPTED)
    roots = accepted.filter(type="install-certificate", params__certificate_type="central_system_root")
    if profile == 2 and not roots.exists():
        return "security profile 2 needs a root certificate: install it first"
    if profile == 3 and not accepted.filter(type="certificate-signed").exists():
        return "security profile 3 needs a client certificate: have one signed first"
    return ""
