"""Human words for what is written in the audit: what was done, and what it changed from and to."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as now_in
from django.utils.translation import gettext_lazy as _

ACTS: dict[str, str | Promise] = {
    "charge_point.registered": _("Registered it"),
    "charge_point.approved": _("Approved it"),
    "charge_point.accepted_early": _("Accepted it before it was set up"),
    "charge_point.rejected": _("Rejected it"),
    "charge_point.retired": _("Retired it"),
    "charge_point.described": _("Described it"),
    "charge_point.blocked": _("Blocked its identity"),
    "charge_point.unblocked": _("Unblocked its identity"),
    "connector.labelled": _("Named a connector"),
    "evse.labelled": _("Named an EVSE"),
    "credential.set": _("Set its password"),
    "credential.removed": _("Removed its password"),
    "credential.offered": _("Ordered a new password"),
    "security_profile.set": _("Set its lowest security profile"),
    "security_profile.change_begun": _("Began to move it to another security profile"),
    "security_profile.change_cancelled": _("Called off its move to another security profile"),
    "charge_point.provisioning_ordered": _("Had it set up anew at its next boot"),
    "charge_point.provisioning_dropped": _("Took back that it is set up anew"),
    "traits.set": _("Set its traits"),
    "traits.removed": _("Removed its traits"),
    "alias.added": _("Let it use another identity"),
    "alias.removed": _("Took an identity from it"),
    "desired_configuration.set": _("Set what is desired of it"),
    "local_list_policy.set": _("Set which tokens belong on its list"),
    "certificate_request.approved": _("Approved its certificate request"),
    "certificate_request.rejected": _("Rejected its certificate request"),
    "certificate_request.uploaded": _("Uploaded a certificate for it"),
    "upload.issued": _("Issued an upload URL"),
    "upload.revoked": _("Revoked an upload URL"),
    "file.deleted": _("Deleted a file of it"),
    "tariff.assigned": _("Assigned a tariff to it"),
}

NAMES: dict[str, str | Promise] = {
    "name": _("Name"),
    "site": _("Site"),
    "labels": _("Labels"),
    "registration": _("Registration"),
    "security_profile": _("Security profile"),
    "values": _("Values"),
    "traits": _("Traits"),
    "note": _("Note"),
    "identity": _("Identity"),
    "policy": _("Policy"),
    "tokens": _("Tokens"),
    "groups": _("Groups"),
    "connector": _("Connector"),
    "label": _("Label"),
    "file": _("File"),
    "expires_at": _("Ends"),
    "certificate": _("Subject of the certificate"),
    "problems": _("Problems"),
    "vendor": _("Vendor"),
    "model": _("Model"),
    "serial_number": _("Serial number"),
    "firmware_version": _("Firmware"),
    "iccid": _("SIM card"),
    "imsi": _("IMSI"),
    "meter_type": _("Meter"),
    "meter_serial_number": _("Serial number of its meter"),
}


def act_words(action: str) -> str:
    """Say what was done; an act that has no words stands for itself."""
    return str(ACTS.get(action, action))


def name_words(name: str) -> str:
    """Return what people call a fact."""
    return str(NAMES.get(name, name.replace("_", " ")))


def detail_words(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the details of an act, what changed as "before → now"."""
    return [
        (name_words(name), _value(value))
        for name, value in details.items()
        if value not in (None, "", [], {})
    ]


def _value(value: Any) -> str:
    match value:
        case {"from": before, "to": after, **rest} if not rest:
            return f"{_value(before)} → {_value(after)}"
        case Mapping():
            return ", ".join(f"{name}={_value(inner)}" for name, inner in value.items()) or "–"
        case list():
            return ", ".join(_value(inner) for inner in value) or "–"
        case bool():
            return now_in("yes") if value else now_in("no")
        case None | "":
            return "–"
    return str(value)
