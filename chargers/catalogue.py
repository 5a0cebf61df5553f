"""The commands of this room: what operators may tell any charge point, whatever version it speaks."""

from typing import Any, Literal

from pydantic import Field

from chargers.commands.effects import note_effect
from chargers.commands.ordering import CommandType, Draft, Outcome, Params, as_given, bad_param, by_slug
from chargers.handling import INT32_MAX
from chargers.models import Registration


class Reset(Params):
    """Restart the charge point."""

    type: Literal["Soft", "Hard"] = Field(
        "Soft", title="Kind", description="Soft stops transactions and restarts; Hard restarts at once."
    )


class TriggerMessage(Params):
    """Ask the charge point to send a message."""

    requested_message: Literal[
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
    ] = Field("StatusNotification", title="Message")
    connector_id: int | None = Field(
        None,
        title="Connector",
        ge=1,
        le=INT32_MAX,
        description="Only for MeterValues and StatusNotification; empty = all.",
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
    ),
    CommandType(
        "unlock-connector",
        "Unlock connector",
        UnlockConnector,
        effect="The cable is free.",
        danger="A transaction on this connector ends, and anybody can take the cable. Unlock it?",
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
        prepare=no_second_boot,
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
