"""What collects the parts of reports, and has them used together once they are whole.

A part is stored in the transaction of its own message: acknowledged is stored. The whole is used by the clock, in one
transaction, so that nobody ever sees half of it; what uses which kind of report says `OCPP_REPORTS` in the settings.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import orjson
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.utils.module_loading import import_string

from chargers.commands.effects import note_effect
from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import send_command
from chargers.following import ReportOver, tell
from chargers.models import Command
from chargers.reporting.models import NumberSeries, Report, ReportPart
from chargers.services import Refusal
from csms.core.config import get_config
from csms.core.events.services import record
from csms.core.live import announce

log = logging.getLogger(__name__)
State = Report.State

NUMBER_MAX = 2**31 - 1
PARTS_MAX = (
    1000  # of one report; one of 20,000 attributes with ten in each message has twice as many as any real one
)
BYTES_MAX = 32 * 2**20  # of all parts of one report; the largest of real ones have some megabytes
UNASKED_MAX = 20  # reports of one charge point that nobody asked for; more are not kept
APPLIED_AT_ONCE = 20  # reports in one run of the clock

OF_ONE_REQUEST = ("request_id", "batch")
"""Parameters of a command that only it can have: asked again, the report has another number."""

Apply = Callable[[Report, Sequence[dict[str, Any]], datetime], str]
"""What uses a whole report: it gets the report, the payloads of its parts in their order and the time, and returns a
sentence that says what came of it, for the command that asked. It runs in one transaction with all that it writes."""


def appliers() -> Mapping[str, Apply]:
    """Return what uses each kind of report; named in the settings, since rooms above have some, too."""
    return cast(Mapping[str, Apply], import_string(settings.OCPP_REPORTS))


# --- numbers ----------------------------------------------------------------------------------------------------------


def next_number(charge_point_id: int, series: str) -> int:
    """Return a number that this charge point was never given in this series; from 1. Not idempotent.

    Raises Refusal when all that OCPP can say are used up.
    """
    rows = NumberSeries.objects.filter(charge_point_id=charge_point_id, series=series)
    while True:
        row, _ = NumberSeries.objects.get_or_create(charge_point_id=charge_point_id, series=series)
        if row.last >= NUMBER_MAX:
            raise Refusal(f"there is no number left for another {series.replace('_', ' ')}", field="")
        if rows.filter(last=row.last).update(last=F("last") + 1) == 1:
            return row.last + 1


# --- collecting -------------------------------------------------------------------------------------------------------


def free_number(charge_point_id: int, series: str, kind: str) -> int:
    """Return a number by which this charge point was never asked for a report of this kind. Not idempotent.

    Numbers of exact payloads are their authors' own, so one of the series may have been used. Raises Refusal when
    there is none left.
    """
    asked = Report.objects.filter(charge_point_id=charge_point_id, kind=kind)
    while True:
        number = next_number(charge_point_id, series)
        if not asked.filter(request_id=number).exists():
            return number


def expect_report(
    charge_point_id: int, kind: str, request_id: int, *, command_id: UUID, now: datetime, about: str = ""
) -> Report:
    """Note that a report was asked for; `settle_request` says whether it will come. Idempotent."""
    report, _ = Report.objects.get_or_create(
        charge_point_id=charge_point_id,
        kind=kind,
        request_id=request_id,
        defaults={"command_id": command_id, "asked_at": now, "about": about[:100]},
    )
    return report


def settle_request(command_id: UUID, state: str | None, *, now: datetime) -> None:
    """Note what was answered to the request: None = the report will come, else REFUSED or EMPTY. Idempotent.

    A first part may come before the answer; a charge point that sends parts has not refused.
    """
    asked = Report.objects.filter(command_id=command_id, state=State.ASKED)
    if state is None:
        asked.filter(due_at=None).update(due_at=now + _patience())
    elif asked.update(state=state, due_at=None):
        report = Report.objects.select_related("charge_point").get(command_id=command_id)
        _tell(report, "There is nothing to report." if state == State.EMPTY else "", now)
        _over(report, now)


def take_part(
    charge_point_id: int,
    kind: str,
    request_id: int,
    *,
    seq_no: int,
    more: bool,
    payload: dict[str, Any],
    generated_at: datetime | None,
    now: datetime,
) -> Report:
    """Store one message of a report, in any order; return the report. Idempotent: the first of each number stands.

    A report that nobody asked for is kept, and not used. One that is over takes no more parts, but those of one that
    came incomplete are still taken: late is better than never.
    """
    named = Report.objects.filter(charge_point_id=charge_point_id, kind=kind, request_id=request_id)
    report = named.select_for_update().first()
    if report is None:
        report = Report(charge_point_id=charge_point_id, kind=kind, request_id=request_id)
        if Report.objects.filter(charge_point_id=charge_point_id, command_id=None).count() >= UNASKED_MAX:
            return report  # it is acknowledged and not kept: nobody asked for it
        report.save(force_insert=True)
    if report.state in (State.WHOLE, State.EMPTY) or report.applied_at is not None:
        return report
    weighs = len(orjson.dumps(payload))
    if not 0 <= seq_no < PARTS_MAX or report.size + weighs > BYTES_MAX:
        return _end_endless(report, now)
    _, new = ReportPart.objects.get_or_create(
        report=report, seq_no=seq_no, defaults={"more": more, "payload": payload, "received_at": now}
    )
    report.size += weighs if new else 0
    report.generated_at = generated_at or report.generated_at
    report.last_at = now
    missing = missing_parts(report)
    whole = missing == []
    report.state = State.WHOLE if whole else State.COLLECTING
    report.due_at = None if whole else now + _patience()
    report.problem = ""
    report.save(update_fields=["generated_at", "last_at", "size", "state", "due_at", "problem"])
    announce(f"charge-point:{charge_point_id}")
    return report


def _end_endless(report: Report, now: datetime) -> Report:
    """End a report that is larger than any real one, for good: no part of it is taken any more."""
    report.problem = f"it has more than {PARTS_MAX} parts or {BYTES_MAX} bytes, which nobody keeps"
    report.state, report.due_at, report.applied_at = State.INCOMPLETE, None, now
    report.save(update_fields=["state", "due_at", "applied_at", "problem"])
    report.parts.all().delete()
    _tell(report, f"The report cannot be used: {report.problem}.", now)
    _over(report, now)
    return report


def missing_parts(report: Report) -> list[int] | None:
    """Return the numbers of the parts that have not come; None while nobody knows how many there are."""
    told = dict(report.parts.values_list("seq_no", "more"))
    ends = [number for number, more in told.items() if not more]
    known = max(ends) if ends else max(told, default=-1)
    missing = [number for number in range(known + 1) if number not in told]
    return missing if ends or missing else None


def _patience() -> timedelta:
    return timedelta(seconds=get_config().report_timeout)


# --- using ------------------------------------------------------------------------------------------------------------


def apply_due(*, now: datetime) -> int:
    """Use the reports that are whole, and give up those of which no more came; return of how many. Idempotent."""
    # What has booted since it was asked has forgotten the report.
    over = Q(due_at__lte=now) | Q(due_at__isnull=False, charge_point__booted_at__gt=F("asked_at"))
    late = Report.objects.filter(over, state__in=Report.OPEN).select_related("charge_point")
    done = sum(_give_up(report, now) for report in late.order_by("due_at")[:APPLIED_AT_ONCE])
    whole = Report.objects.filter(state=State.WHOLE, applied_at=None).exclude(command_id=None)
    for report in whole.select_related("charge_point").order_by("last_at")[:APPLIED_AT_ONCE]:
        try:
            done += _apply(report, now)
        except (OperationalError, InterfaceError):
            raise  # the database was away, or two waited for each other: the next look uses it
        except Exception:  # one that cannot be used must not keep the others waiting
            log.exception("reports.not_applied", extra={"report_id": str(report.pk)})
            with transaction.atomic():
                report.state = State.INCOMPLETE
                Report.objects.filter(pk=report.pk).update(
                    state=report.state, applied_at=now, problem="it could not be used; the log says why"
                )
                _over(report, now)
    return done


def _give_up(report: Report, now: datetime) -> bool:
    missing = missing_parts(report)
    if missing:
        problem = f"of its parts {', '.join(map(str, missing[:20]))} did not come"
    else:
        problem = "its end did not come" if report.last_at else "it did not come"
    with transaction.atomic():
        over = Report.objects.filter(pk=report.pk, due_at=report.due_at, state__in=Report.OPEN)
        if not over.update(state=State.INCOMPLETE, due_at=None, problem=problem):
            return False  # another worker has it, or more of it came
        report.state = State.INCOMPLETE
        _tell(report, f"The report cannot be used: {problem}.", now)
        _over(report, now, again=_ask_again(report, now))
    return True


def _ask_again(report: Report, now: datetime) -> UUID | None:
    """Ask once more for what came with parts missing, and return by which command; None where that is no use."""
    asked = report.command_id if report.repeats is None else None
    command = Command.objects.filter(pk=asked).first() if asked else None
    if command is None:
        return None
    params = {name: value for name, value in command.params.items() if name not in OF_ONE_REQUEST}
    try:
        with transaction.atomic():
            again = send_command(
                report.charge_point, command.type, params, author=SYSTEM, reason="parts were missing", now=now
            )
    except CommandRefused:  # it is offline, or is served no more
        return None
    Report.objects.filter(command_id=again.pk).update(repeats=report.pk)
    return again.pk


def _apply(report: Report, now: datetime) -> bool:
    with transaction.atomic():
        claimed = Report.objects.filter(pk=report.pk, state=State.WHOLE, applied_at=None)
        if claimed.update(applied_at=now) != 1:
            return False  # another worker has it
        parts = list(report.parts.values_list("payload", flat=True))
        apply = appliers().get(report.kind)
        text = "" if apply is None else apply(report, parts, now)
        report.parts.all().delete()
        Report.objects.filter(pk=report.pk).update(outcome=text)
        _tell(report, text, now)
        _over(report, now)
    return True


def _over(report: Report, now: datetime, *, again: UUID | None = None) -> None:
    if report.command_id is not None:
        told = Report.objects.select_related("charge_point").get(pk=report.pk)
        record(
            {
                State.WHOLE: "report.used",
                State.EMPTY: "report.empty",
                State.REFUSED: "report.refused",
                State.INCOMPLETE: "report.incomplete",
            }[State(told.state)],
            told.charge_point.cp_id,
            {
                "report_id": str(told.pk),
                "kind": told.kind,
                "about": told.about,
                "request_id": told.request_id,
                "outcome": told.outcome,
                "problem": told.problem,
                "command_id": str(told.command_id),
                "asked_again_by": str(again) if again else None,
                "asked_at": told.asked_at,
                "generated_at": told.generated_at,
            },
            occurred_at=now,
        )
        tell(
            ReportOver(
                report.charge_point_id,
                report.charge_point.cp_id,
                report.pk,
                report.kind,
                report.about,
                report.state,
                report.command_id,
                now,
                again,
            )
        )


def _tell(report: Report, text: str, now: datetime) -> None:
    command = Command.objects.filter(pk=report.command_id).first() if report.command_id else None
    if command is not None and text:
        note_effect(command, text, kind="report", subject=report.pk, now=now)
    announce(f"charge-point:{report.charge_point_id}")
