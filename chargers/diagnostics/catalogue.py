"""The commands of this block: diagnostics, and logs of the security extension."""

from typing import Any, Literal

from pydantic import Field

from chargers.commands.ordering import (
    CommandRefused,
    CommandType,
    Draft,
    Instant,
    Params,
    as_given,
    bad_param,
    by_slug,
)
from chargers.configuration.meanings import meant
from chargers.diagnostics.models import Log, LogJob
from chargers.diagnostics.services import begin_log, settle_log
from chargers.diagnostics.uploads import NoAddress, new_url, open_upload
from chargers.handling import INT32_MAX
from chargers.locations import SECURITY_LOCATION_MAX, check_location, secret_location
from chargers.models import ChargePoint


class LogParams(Params):
    """The base of both."""

    location: str | None = Field(
        None,
        title="Location",
        description="URL of a folder to upload to; empty = here, by a URL that can be used once.",
    )
    retries: int | None = Field(
        None, title="Retries", ge=0, le=100, description="Of the upload; empty = as the charge point likes."
    )
    retry_interval: int | None = Field(
        None, title="Seconds between retries", ge=0, le=INT32_MAX, description="Empty = as it likes."
    )


class GetDiagnostics(LogParams):
    """Ask for the diagnostics of a span of time. Without a file name in its answer there is nothing to upload."""

    start_time: Instant | None = Field(None, title="From", description="Empty = from the beginning.")
    stop_time: Instant | None = Field(None, title="Until", description="Empty = until now.")


class GetLog(LogParams):
    """Ask for a log of a span of time."""

    location: str | None = Field(
        None,
        title="Location",
        max_length=SECURITY_LOCATION_MAX,
        description="URL of a folder to upload to; empty = here, by a URL that can be used once.",
    )
    log_type: Literal["DiagnosticsLog", "SecurityLog"] = Field(
        "DiagnosticsLog", title="Log", description="Diagnostics, or the security events that it kept."
    )
    oldest_timestamp: Instant | None = Field(None, title="From", description="Empty = from the beginning.")
    latest_timestamp: Instant | None = Field(None, title="Until", description="Empty = until now.")


def prepare_diagnostics(draft: Draft) -> dict[str, Any]:
    """Begin the job, with an upload URL unless a location was given."""
    return as_given(draft) | _begin(draft, Log.DIAGNOSTICS, False, "start_time", "stop_time")


def prepare_log(draft: Draft) -> dict[str, Any]:
    """Begin the job, with an upload URL unless a location was given."""
    log = {"DiagnosticsLog": Log.DIAGNOSTICS, "SecurityLog": Log.SECURITY}[draft.params.log_type]
    return as_given(draft) | _begin(draft, log, True, "oldest_timestamp", "latest_timestamp")


def _begin(draft: Draft, log: Log, numbered: bool, first: str, last: str) -> dict[str, Any]:
    """Write the job, and return what is to be sent beside the parameters."""
    params = draft.params
    since, until = getattr(params, first), getattr(params, last)
    if since is not None and until is not None and until <= since:
        raise bad_param(last, "It is not after the beginning.")
    token = ""
    location = params.location or ""
    if not location:
        _speaks_http(draft.charge_point)
        try:
            location, token = new_url()
        except NoAddress as fault:
            raise CommandRefused("invalid", str(fault), {"location": [str(fault)]}) from fault
    check_location(draft, location)
    job: LogJob = begin_log(
        draft,
        location,
        log=log,
        numbered=numbered,
        since=since,
        until=until,
        retries=params.retries,
        retry_interval=params.retry_interval,
    )
    if token:
        open_upload(job, draft.charge_point, now=draft.now, url=location, token=token)
    return {"location": location} | ({"request_id": job.request_id} if numbered else {})


def _speaks_http(charge_point: ChargePoint) -> None:
    """Refuse to give our URL to one that says that it cannot use it (1.6, 9.1 SupportedFileTransferProtocols)."""
    said = meant(charge_point.pk, "file_transfer_protocols") or ""
    known = {word.strip().upper() for word in said.split(",") if word.strip()}
    if known and not known & {"HTTP", "HTTPS"}:
        raise bad_param(
            "location", f"The charge point uploads by {', '.join(sorted(known))} only: give such a location."
        )


COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "get-diagnostics",
        "Get diagnostics",
        GetDiagnostics,
        effect="The charge point uploads a file.",
        prepare=prepare_diagnostics,
        secrets=secret_location,
        settled=settle_log,
    ),
    CommandType(
        "get-log",
        "Get a log",
        GetLog,
        effect="The charge point uploads a file.",
        prepare=prepare_log,
        secrets=secret_location,
        settled=settle_log,
    ),
)
