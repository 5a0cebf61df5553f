"""The command of this block: to write a network profile into a slot of a charge point (B09)."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from chargers.commands.ordering import CommandType, Draft, Outcome, Params, as_given, bad_param, by_slug
from chargers.handling import INT32_MAX
from chargers.models import Command
from chargers.network.models import NetworkProfile
from chargers.network.selectors import Slots, may_go_down, slots_of
from chargers.passwords.profiles import lacking
from csms.core.events.services import record

State = NetworkProfile.State
TEXT, SECRET = 20, 20  # characters; 2.0.1, 2.2 APNType and 2.49 VPNType


class SetNetworkProfile(Params):
    """Tell a charge point how it may reach a central system. It uses that only once its order of slots says so."""

    slot: int = Field(title="Slot", ge=0, le=INT32_MAX, description="A free one that the charge point has.")
    url: str = Field(
        title="URL",
        min_length=1,
        max_length=512,
        description="Of the central system, without the identity: ws:// for security profile 1, wss:// for 2 and 3.",
    )
    security_profile: int = Field(title="Security profile", ge=1, le=3)
    interface: Literal[
        "Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3"
    ] = Field("Wired0", title="Interface")
    message_timeout: int = Field(30, title="Time-out", ge=1, le=3600, description="Of messages, in seconds.")
    ocpp_version: Literal["OCPP16", "OCPP20"] = Field(
        "OCPP20",
        title="OCPP version",
        description="OCPP20 also means 2.0.1, for which there is no other word.",
    )
    apn: str | None = Field(None, title="APN", max_length=512)
    apn_authentication: Literal["AUTO", "CHAP", "NONE", "PAP"] = Field("AUTO", title="Sign-in at the APN")
    apn_user: str | None = Field(None, title="User at the APN", max_length=TEXT)
    apn_password: str | None = Field(None, title="Password at the APN", max_length=SECRET)
    sim_pin: int | None = Field(None, title="PIN of the SIM", ge=0, le=99_999_999)
    preferred_network: str | None = Field(None, title="Preferred network", max_length=6)
    only_preferred_network: bool = Field(False, title="No other network")
    vpn_server: str | None = Field(None, title="VPN server", max_length=512)
    vpn_type: Literal["IKEv2", "IPSec", "L2TP", "PPTP"] = Field("IKEv2", title="Kind of VPN")
    vpn_user: str | None = Field(None, title="User at the VPN", max_length=TEXT)
    vpn_group: str | None = Field(None, title="Group at the VPN", max_length=TEXT)
    vpn_password: str | None = Field(None, title="Password at the VPN", max_length=SECRET)
    vpn_key: str | None = Field(None, title="Key of the VPN", max_length=255)
    slot_is_free: bool = Field(
        False,
        title="The slot is free",
        description="Only while the charge point has not reported its slots: somebody knows that it does not use this "
        "one.",
    )
    prerequisites_met: bool = Field(
        False,
        title="It has the certificates",
        description="What the security profile needs of certificates was installed by others.",
    )


SECRETS = ("apn_password", "sim_pin", "vpn_password", "vpn_key")
APN = (
    "apn_authentication",
    "apn_user",
    "apn_password",
    "sim_pin",
    "preferred_network",
    "only_preferred_network",
)
VPN = ("vpn_type", "vpn_user", "vpn_group", "vpn_password", "vpn_key")
VPN_NEEDS = ("vpn_user", "vpn_password", "vpn_key")
OURS_ALONE = {"slot_is_free", "prerequisites_met"}
SCHEMES = {1: "ws", 2: "wss", 3: "wss"}


def prepare_profile(draft: Draft) -> dict[str, Any]:
    """Refuse what would leave the charge point without its way back (S2-56), and note what the slot is told."""
    params: SetNetworkProfile = draft.params
    _check_slot(params, slots_of(draft.charge_point.pk))
    _check_url(params)
    _check_profile(draft)
    values = as_given(draft)
    for name in OURS_ALONE:
        values.pop(name)
    for whole, parts in (("apn", APN), ("vpn_server", VPN)):
        if getattr(params, whole) is None:
            if told := sorted(params.model_fields_set & set(parts)):
                raise bad_param(told[0], f"without {whole} it means nothing")
            for name in parts:
                values.pop(name, None)
    if params.vpn_server and (missing := [name for name in VPN_NEEDS if not values.get(name)]):
        raise bad_param(missing[0], "a VPN needs a user, a password and a key")
    profile = NetworkProfile.objects.create(
        charge_point=draft.charge_point,
        slot=params.slot,
        ocpp_version=params.ocpp_version,
        url=params.url,
        interface=params.interface,
        message_timeout=params.message_timeout,
        security_profile=params.security_profile,
        way={
            name: values[name]
            for name in ("apn", "vpn_server", *APN, *VPN)
            if name in values and name not in SECRETS
        },
        command_id=draft.command_id,
        by=draft.author.name[:150],
        told_at=draft.now,
    )
    _tell("network_profile.requested", profile, draft.now)
    return values


def _tell(type: str, profile: NetworkProfile, now: datetime) -> None:
    record(
        type,
        profile.charge_point.cp_id,
        {
            "network_profile_id": str(profile.pk),
            "slot": profile.slot,
            "url": profile.url,
            "security_profile": profile.security_profile,
            "interface": profile.interface,
            "message_timeout": profile.message_timeout,
            "ocpp_version": profile.ocpp_version,
            "state": profile.state,
            "reason": profile.reason,
            "command_id": str(profile.command_id),
            "by": profile.by,
        },
        occurred_at=now,
    )


def _check_slot(params: SetNetworkProfile, slots: Slots) -> None:
    if slots.allowed and params.slot not in slots.allowed:
        raise bad_param("slot", f"it has the slots {', '.join(map(str, slots.allowed))}")
    if params.slot == slots.in_use:
        raise bad_param("slot", f"it uses slot {params.slot}, and would not find the way back")
    if params.slot in slots.priority:
        order = ", ".join(map(str, slots.priority))
        raise bad_param(
            "slot",
            f"it tries the slots {order}, and would lose a way back: take {params.slot} out of them before",
        )
    if slots.in_use is None and not params.slot_is_free:
        raise bad_param(
            "slot", "which slot it uses is unknown: have it report that, or say that this one is free"
        )


def _check_url(params: SetNetworkProfile) -> None:
    scheme = SCHEMES[params.security_profile]
    try:
        parts = urlsplit(params.url)
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        good = parts.scheme == scheme and bool(parts.hostname) and plain and parts.port != 0
    except ValueError:
        good = False
    if not good or any(sign.isspace() for sign in params.url):
        raise bad_param("url", f"with security profile {params.security_profile} it is {scheme}://host/path")


def _check_profile(draft: Draft) -> None:
    charge_point, params = draft.charge_point, draft.params
    wanted, proven = params.security_profile, charge_point.security_profile
    if wanted < proven and not ((proven, wanted) == (3, 2) and may_go_down(charge_point.pk)):  # T-037
        raise bad_param("security_profile", f"it has proven profile {proven}, which is not lowered over OCPP")
    met = wanted <= proven or params.prerequisites_met
    if lacks := lacking(charge_point, wanted, has_certificates=met):
        raise bad_param("security_profile", lacks)


def secrets_of(params: Mapping[str, Any]) -> Collection[str]:
    """The passwords, keys and PINs among the parameters."""
    return [name for name in SECRETS if name in params]


STATES = {
    Command.Status.ACCEPTED: State.ACCEPTED,
    Command.Status.REJECTED: State.REJECTED,
}


def keep_profile(outcome: Outcome) -> None:
    """Note what became of it. What the slot held before stays what it holds, unless this was taken (TC_B_44)."""
    command = outcome.command
    if outcome.word == "Failed":
        state = State.FAILED
    elif outcome.status in STATES:
        state = STATES[Command.Status(outcome.status)]
    elif command.sent_at is None:
        state = State.UNSENT
    else:
        state = State.FAILED if command.answered_at is not None else State.UNANSWERED
    said = (command.answer_reason, command.answer_info or command.error_description)
    told = NetworkProfile.objects.filter(command_id=command.pk)
    told.update(state=state, reason=": ".join(filter(None, said))[:2000], settled_at=outcome.now)
    for profile in told.select_related("charge_point"):
        match state:
            case State.ACCEPTED:
                _tell("network_profile.accepted", profile, outcome.now)
            case State.REJECTED:
                _tell("network_profile.refused", profile, outcome.now)
            case _:
                _tell("network_profile.failed", profile, outcome.now)


COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "set-network-profile",
        "Write a network profile",
        SetNetworkProfile,
        effect="The slot holds it. The order of slots decides when it is used.",
        observed=False,
        danger="A wrong network profile may leave the charge point unreachable once it uses it. Write it?",
        scope="admin",  # it may be sent to another central system by it
        prepare=prepare_profile,
        secrets=secrets_of,
        settled=keep_profile,
    ),
)
