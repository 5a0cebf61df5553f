"""The commands of this block: to have a charge point of OCPP 2.x report its device model, or a part of it."""

from typing import Any, Literal

from pydantic import Field

from chargers.commands.ordering import (
    CommandRefused,
    CommandType,
    Draft,
    Outcome,
    Params,
    as_given,
    bad_param,
    by_slug,
)
from chargers.commands.saying import fixed_number
from chargers.device_model.splitting import in_messages, send_rest
from chargers.models import Command
from chargers.reporting import services
from chargers.reporting.models import Report
from chargers.services import Refusal

KIND, SERIES = "variables", "report"
Status = Command.Status


class GetBaseReport(Params):
    """Have the charge point report its device model, in several messages."""

    report_base: Literal["FullInventory", "ConfigurationInventory", "SummaryInventory"] = Field(
        "FullInventory",
        title="What of it",
        description="FullInventory is everything there is, ConfigurationInventory what can be set, SummaryInventory "
        "what tells of problems and availability.",
    )


class GetReport(Params):
    """Have the charge point report some of its components and variables, in several messages."""

    criteria: list[Literal["Active", "Available", "Enabled", "Problem"]] = Field(
        [],
        title="Components that are",
        max_length=4,
        description="Only components of which one of these is true; none = all.",
    )
    variables: list[str] = Field(
        [],
        title="Components and variables",
        max_length=500,
        description="Addresses, such as EVSE@1/AvailabilityState, or a component alone; none = all that fit. More "
        "than the charge point takes at once are asked for in several commands.",
    )


def _numbered(draft: Draft) -> int:
    """Return by which number the report is asked for; an exact payload has its own, which must be a new one (S2-53)."""
    number = fixed_number(draft, "request_id", least=0)
    if number is None:
        try:
            return services.free_number(draft.charge_point.pk, SERIES, KIND)
        except Refusal as refusal:
            raise CommandRefused("invalid", str(refusal)) from refusal
    if Report.objects.filter(charge_point=draft.charge_point, kind=KIND, request_id=number).exists():
        raise bad_param("request_id", f"{number} was used for another report of {draft.charge_point.cp_id}")
    return number


def prepare_base_report(draft: Draft) -> dict[str, Any]:
    """Give the report a number that it alone has, and expect its parts."""
    number = _numbered(draft)
    _expect(draft, number, draft.params.report_base)
    return {**as_given(draft), "request_id": number}


def prepare_report(draft: Draft) -> dict[str, Any]:
    """Ask for no more at once than the charge point takes; what is left follows in commands of its own."""
    params = as_given(draft)
    if not draft.params.criteria and not draft.params.variables:
        raise bad_param("variables", "name criteria or variables; the whole device model is get-base-report")
    number = _numbered(draft)
    given: list[str] = params["variables"]
    asked = list(dict.fromkeys(given)) if draft.exact is None else given
    first, *rest = in_messages(
        draft,
        "get-report",
        asked,
        lambda names: {**params, "variables": names, "request_id": number},
        field="variables",
    )
    _expect(draft, number, ", ".join([*params["criteria"], *first]))
    batch = send_rest(draft, "get-report", [{**params, "variables": names} for names in rest])
    return {**params, "variables": first, "request_id": number, **batch}


def _expect(draft: Draft, number: int, about: str) -> None:
    services.expect_report(
        draft.charge_point.pk, KIND, number, command_id=draft.command_id, now=draft.now, about=about
    )


def settle_request(outcome: Outcome) -> None:
    """Note whether the report will come (S2-53); one whose request was not answered in time may."""
    state: str | None = Report.State.REFUSED
    if outcome.accepted or outcome.status == Status.TIMED_OUT:
        state = Report.State.EMPTY if outcome.word == "EmptyResultSet" else None
    services.settle_request(outcome.command.pk, state, now=outcome.now)


COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "get-base-report",
        "Report the device model",
        GetBaseReport,
        effect="All parts of the report come, and what they say is taken over.",
        while_pending=True,
        prepare=prepare_base_report,
        settled=settle_request,
    ),
    CommandType(
        "get-report",
        "Report some variables",
        GetReport,
        effect="All parts of the report come, and what they say is taken over.",
        while_pending=True,
        prepare=prepare_report,
        settled=settle_request,
    ),
)
