"""The commands of this room: what operators may tell any charge point, whatever version it speaks."""

from typing import Any, Literal

from pydantic import Field

from chargers.certificates.authority import can_answer
from chargers.certificates.models import SigningRequest
from chargers.commands.effects import note_effect
from chargers.commands.ordering import CommandType, Draft, Outcome, Params, as_given, bad_param, by_slug
from chargers.commands.sending import send_command
from chargers.handling import INT32_MAX
from chargers.models import Connector, Registration
from chargers.resets import may_reset
from chargers.topology.places import MOST, has_evses
from chargers.topology.services import place, placed


class Reset(Params):
    """Restart the charge point."""

    type: Literal["Soft", "Hard", "OnIdle", "Immediate"] = Field(
        "Soft",
        title="Kind",
        description="Soft stops transactions and restarts; Hard restarts at once. In OCPP 2.x: OnIdle waits until "
        "nobody charges; Immediate stops transactions and restarts.",
    )
    evse_id: int | None = Field(
        None, title="EVSE", ge=1, le=INT32_MAX, description="OCPP 2.x only; empty = the whole charge point."
    )


class TriggerMessage(Params):
    """Ask the charge point to send a message."""

    requested_message: Literal[
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "PublishFirmwareStatusNotification",
        "SignChargingStationCertificate",
        "SignCombinedCertificate",
        "SignV2GCertificate",
        "StatusNotification",
        "TransactionEvent",
    ] = Field("StatusNotification", title="Message")
    connector_id: int | None = Field(
        None,
        title="Connector",
        ge=1,
        le=INT32_MAX,
        description="Only for MeterValues and StatusNotification; empty = all.",
    )
    evse_id: int | None = Field(
        None,
        title="EVSE",
        ge=1,
        le=INT32_MAX,
        description="OCPP 2.x only; only for MeterValues and TransactionEvent, empty = all.",
    )


class ExtendedTriggerMessage(Params):
    """Ask a charge point with the security extension to send a message."""

    requested_message: Literal[
        "BootNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SignChargePointCertificate",
        "StatusNotification",
    ] = Field(
        "StatusNotification",
        title="Message",
        description="FirmwareStatusNotification is that of a signed update; SignChargePointCertificate brings a "
        "request for a certificate.",
    )
    connector_id: int | None = Field(
        None,
        title="Connector",
        ge=1,
        le=INT32_MAX,
        description="Only for MeterValues and StatusNotification; empty = all.",
    )


class UnlockConnector(Params):
    """Let go of a cable that is stuck."""

    connector_id: int = Field(title="Connector", ge=1, le=INT32_MAX)


class ClearCache(Params):
    """Make the charge point forget the tokens that it has seen."""


class DataTransfer(Params):
    """Send a vendor's own message."""

    vendor_id: str = Field(title="Vendor", min_length=1, max_length=255, description="The vendor's id.")
    message_id: str | None = Field(None, title="Message", max_length=50)
    data: str | None = Field(None, title="Data", max_length=65_536, description="Text, as the vendor has it.")


def no_second_boot(draft: Draft) -> dict[str, Any]:
    """Refuse to ask an accepted charge point to boot: T-085 (1.6 errata 3.40; 2.x stations reject it)."""
    known = draft.charge_point
    accepted = known.registration == Registration.ACCEPTED and known.booted_at is not None
    if draft.params.requested_message == "BootNotification" and accepted:
        raise bad_param(
            "requested_message", "an accepted charge point is not asked to boot; reset it instead"
        )
    return as_given(draft)


SIGNS = {
    "SignChargingStationCertificate": SigningRequest.Use.CHARGE_POINT,
    "SignV2GCertificate": SigningRequest.Use.V2G,
    "SignCombinedCertificate": SigningRequest.Use.COMBINED,
}
"""For which use the certificate is for which a message asks."""


def _only_what_can_be_answered(message: str) -> None:
    """Refuse to ask for a request that nobody could answer (S2-38)."""
    use = SIGNS.get(message)
    if use is not None and not can_answer(use):
        raise bad_param(
            "requested_message",
            "there is no CA that could sign the certificate; see CSMS_CERTIFICATE_AUTHORITY",
        )


def withheld_messages() -> dict[str, list[str]]:
    """Name the requests that nobody could answer now (S2-38)."""
    return {"requested_message": [message for message, use in SIGNS.items() if not can_answer(use)]}


CONNECTORS_AT_ONCE = 100  # statuses that one order asks for


def prepare_trigger(draft: Draft) -> dict[str, Any]:
    """Check a trigger. In OCPP 2.x a status is of one connector: for several each is asked by a command of its own."""
    no_second_boot(draft)
    params: TriggerMessage = draft.params
    _only_what_can_be_answered(params.requested_message)
    values, charge_point = placed(draft), draft.charge_point
    if (
        params.requested_message != "StatusNotification"
        or params.connector_id is not None
        or draft.exact is not None
        or not has_evses(charge_point.protocol)
    ):
        return values
    known = Connector.objects.filter(charge_point=charge_point, evse_number__range=(1, MOST))
    if params.evse_id is not None:
        known = known.filter(evse_number=params.evse_id)
    numbers = list(known.order_by("evse_number", "evse_connector").values_list("number", flat=True))
    if not 0 < len(numbers) <= CONNECTORS_AT_ONCE:
        why = "none is known there" if not numbers else f"{len(numbers)} are known there"
        raise bad_param("connector_id", f"a status is asked of one connector, and {why}; choose one")
    for number in numbers[1:]:
        send_command(
            charge_point,
            "trigger-message",
            {"requested_message": "StatusNotification", "connector_id": number},
            author=draft.author,
            reason="the status of each connector was asked for",
            may_wait=charge_point.connection_id is None,
            now=draft.now,
        )
    first = place(charge_point, connector_id=numbers[0])
    assert first is not None
    return values | {
        "connector_id": first.number,
        "evse": first.evse,
        "evse_connector": first.connector,
    }


def unlocked(outcome: Outcome) -> None:
    """Take the answer for the effect: it comes when the lock has opened, and no other message tells."""
    if outcome.accepted:
        note_effect(
            outcome.command,
            "The connector was unlocked.",
            kind="connector",
            subject=outcome.command.params["connector_id"],
            now=outcome.now,
        )


COMMANDS = by_slug(
    CommandType(
        "reset",
        "Reset",
        Reset,
        effect="The charge point boots again.",
        danger="The charge point restarts and running transactions end. Reset it?",
        while_pending=True,
        prepare=may_reset,
    ),
    CommandType(
        "unlock-connector",
        "Unlock connector",
        UnlockConnector,
        effect="The cable is free.",
        danger="A transaction on this connector ends, and anybody can take the cable. Unlock it?",
        prepare=placed,
        settled=unlocked,
    ),
    CommandType(
        "clear-cache", "Clear cache", ClearCache, effect="Each token is asked for again.", observed=False
    ),
    CommandType(
        "trigger-message",
        "Ask for a message",
        TriggerMessage,
        effect="The message comes.",
        while_pending=True,
        withheld=withheld_messages,
        prepare=prepare_trigger,
    ),
    CommandType(
        "extended-trigger-message",
        "Ask for a message (security)",
        ExtendedTriggerMessage,
        effect="The message comes.",
        while_pending=True,
        prepare=no_second_boot,
    ),
    CommandType(
        "data-transfer",
        "Send vendor data",
        DataTransfer,
        effect="Whatever its vendor says.",
        observed=False,
        while_pending=True,
    ),
)
