"""The commands of this block: updates without and with a signature."""

from typing import Any

from pydantic import Field

from chargers.commands.ordering import CommandType, Draft, Instant, Params, as_given, bad_param, by_slug
from chargers.firmware.services import begin_update, settle_update
from chargers.firmware.signatures import CERTIFICATE_MAX, SIGNATURE_MAX, Unsound, check
from chargers.handling import INT32_MAX
from chargers.locations import SECURITY_LOCATION_MAX, check_location, secret_location
from chargers.protocol.times import format_time


class Update(Params):
    """The base of both updates."""

    location: str = Field(
        title="Location",
        description="URL of the firmware: https, http, ftps, ftp or sftp, as the charge point can.",
    )
    retrieve_date: Instant | None = Field(None, title="Load not before", description="Empty = at once.")
    retries: int | None = Field(
        None, title="Retries", ge=0, le=100, description="Of the download; empty = as the charge point likes."
    )
    retry_interval: int | None = Field(
        None, title="Seconds between retries", ge=0, le=INT32_MAX, description="Empty = as it likes."
    )
    expected_version: str | None = Field(
        None,
        title="Expected version",
        max_length=50,
        description="The version that the charge point should name at the boot that follows; only compared.",
    )


class UpdateFirmware(Update):
    """Update the firmware. The answer is only a receipt; what becomes of it is told by the update's statuses."""


class SignedUpdateFirmware(Update):
    """Update the firmware, with a signature that the charge point checks before it installs."""

    location: str = Field(
        title="Location",
        max_length=SECURITY_LOCATION_MAX,
        description="URL of the firmware: https, http, ftps, ftp or sftp, as the charge point can.",
    )
    install_date: Instant | None = Field(
        None, title="Install not before", description="Empty = as soon as it is loaded."
    )
    signing_certificate: str = Field(
        title="Signing certificate",
        max_length=CERTIFICATE_MAX,
        description="In PEM form; of the maker, whose root the charge point must know.",
    )
    signature: str = Field(
        title="Signature",
        max_length=SIGNATURE_MAX,
        description="Of the firmware's SHA-256 digest by the certificate's key, in base64.",
    )
    firmware_sha256: str | None = Field(
        None,
        title="SHA-256 of the firmware",
        min_length=64,
        max_length=64,
        description="64 hex digits. With it the signature is verified here, before anything is sent.",
    )


def prepare_update(draft: Draft) -> dict[str, Any]:
    """Check the location and begin the job."""
    params = draft.params
    check_location(draft, params.location)
    begin_update(draft, params.location, signed=False, **_columns(draft))
    return as_given(draft) | _when(draft)


def prepare_signed_update(draft: Draft) -> dict[str, Any]:
    """Check location, dates, certificate and signature, and begin the job."""
    params = draft.params
    check_location(draft, params.location)
    columns = _columns(draft)
    if params.install_date is not None and params.install_date < columns["retrieve_at"]:
        raise bad_param("install_date", "It is before the firmware may be loaded.")
    try:
        checked = check(
            params.signing_certificate, params.signature, params.firmware_sha256 or "", now=draft.now
        )
    except Unsound as fault:
        raise bad_param(fault.field, str(fault)) from fault
    job = begin_update(
        draft,
        params.location,
        signed=True,
        install_at=params.install_date,
        signing_certificate=params.signing_certificate,
        signature=params.signature,
        signature_checked=checked,
        **columns,
    )
    return as_given(draft) | _when(draft) | {"request_id": job.request_id}


def _columns(draft: Draft) -> dict[str, Any]:
    params = draft.params
    return {
        "retrieve_at": params.retrieve_date or draft.now,
        "retries": params.retries,
        "retry_interval": params.retry_interval,
        "version_expected": params.expected_version or "",
    }


def _when(draft: Draft) -> dict[str, Any]:
    return {} if draft.params.retrieve_date else {"retrieve_date": format_time(draft.now)}


DANGER = "The charge point restarts with other firmware, and may be out of service for long. Update it?"

COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "update-firmware",
        "Update firmware",
        UpdateFirmware,
        effect="It loads and installs the firmware, and its next boot names another version.",
        danger=DANGER,
        prepare=prepare_update,
        secrets=secret_location,
        settled=settle_update,
    ),
    CommandType(
        "signed-update-firmware",
        "Update signed firmware",
        SignedUpdateFirmware,
        effect="It loads, verifies and installs the firmware, and its next boot names another version.",
        danger=DANGER,
        prepare=prepare_signed_update,
        secrets=secret_location,
        settled=settle_update,
    ),
)
