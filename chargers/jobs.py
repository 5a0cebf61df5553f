"""Jobs that take a charge point minutes or days, firmware updates and log uploads: what it claims, step by step.

A job begins with a command and ends by the charge point's own word, by its refusal, by a newer order or by the clock.
Claims are kept as they came. Steps may be skipped, repeats are counted, and what a charge point says after its own
last word changes nothing any more.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import models, transaction
from django.db.models import Exists, F, OuterRef

from chargers.commands.effects import note_effect
from chargers.commands.ordering import Draft, Outcome, bad_param
from chargers.commands.saying import fixed_number
from chargers.handling import INT32_MAX
from chargers.models import ChargePoint, Command, Connection
from csms.core.config import get_config
from csms.core.events.services import record
from csms.core.ids import uuid7
from csms.core.live import announce

IDLE = "Idle"
REPORTS_MAX = 200  # rows of one job, or of what belongs to none; beyond it words are only counted
STATUS_MAX = 64  # characters; a lenient reading takes words of any length
SILENT = "Nothing was heard of it for too long."


class State(models.TextChoices):
    """How far a job is, in our words."""

    ORDERED = "ordered", "Ordered"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    REFUSED = "refused", "Refused"
    CANCELLED = "cancelled", "Cancelled"
    NOTHING = "nothing", "Nothing to do"
    LOST = "lost", "Not heard of"


OPEN = (State.ORDERED, State.RUNNING)
# A charge point that was given up, or had nothing to do, and reports all the same is believed.
LISTENING = (*OPEN, State.LOST, State.NOTHING)


class Job(models.Model):
    """One job. `status` is the charge point's newest claim, `state` what we make of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="+")
    command_id = models.UUIDField(unique=True, help_text="the order; commands are pruned before jobs")
    request_id = models.PositiveIntegerField(
        null=True, help_text="names it on the wire, where the wire has such names"
    )
    location = models.TextField(help_text="where to load from or to; without passwords and tokens")
    retries = models.PositiveIntegerField(null=True)
    retry_interval = models.PositiveIntegerField(null=True, help_text="seconds")
    state = models.CharField(max_length=16, choices=State.choices, default=State.ORDERED)
    status = models.CharField(max_length=STATUS_MAX, blank=True)
    detail = models.TextField(blank=True, help_text="why it ended, where the status does not say so")
    created_at = models.DateTimeField()
    status_at = models.DateTimeField(null=True, help_text="when the status came, by our clock")
    ended_at = models.DateTimeField(null=True)
    stale_at = models.DateTimeField(
        null=True, help_text="when it is given up unless something is heard of it"
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.state} {self.status}".strip()


class Report(models.Model):
    """A status as a charge point reported it, and how often it repeated it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.DO_NOTHING, db_constraint=False, db_index=False)
    job: "models.ForeignKey[Any, Any]"
    request_id = models.BigIntegerField(null=True, help_text="as it was reported")
    status = models.CharField(max_length=STATUS_MAX)
    flag = models.CharField(max_length=16, blank=True, help_text="why it changed nothing; empty if it did")
    count = models.PositiveIntegerField(default=1)
    received_at = models.DateTimeField()
    last_at = models.DateTimeField(help_text="when it came last")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.status} x{self.count}"


class Flag(models.TextChoices):
    """Why a report changed nothing."""

    IDLE = "idle", "Says only that nothing runs"
    UNKNOWN = "unknown_request", "Names a request that was never made"
    NO_JOB = "no_job", "There is no job that it could be about"
    AFTER_END = "after_end", "The job had ended"
    WORD = "unknown_status", "A word that the standard does not have"


J = TypeVar("J", bound=Job)


@dataclass(frozen=True)
class Kind(Generic[J]):
    """One kind of jobs: its tables, what its statuses mean, and how it is told outside."""

    jobs: type[J]
    reports: type[Report]
    steps: Mapping[str, State]
    topic: str
    facts: Callable[[Any], dict[str, Any]]
    """What an event says of a job beside its state."""
    effect: Callable[[Any], str]
    """What is seen when a job has succeeded, for the ledger of commands."""
    subject: str
    """What the ledger calls a job of this kind; one of `chargers.commands.effects.SUBJECTS`."""


# --- beginning --------------------------------------------------------------------------------------------------------


def new_request_id(*tables: type[Job]) -> int:
    """Return a number that names no other job. Random, so that no restored backup gives one out twice."""
    while True:
        number = secrets.randbelow(INT32_MAX - 1) + 1
        if not any(table._default_manager.filter(request_id=number).exists() for table in tables):
            return number


def request_id_of(draft: Draft, table: type[Job]) -> int:
    """Return the number for the job of an order: the one that its exact payload has, else a new one.

    Raises CommandRefused for one by which the charge point would not know which of two jobs is meant.
    """
    number = fixed_number(draft, "request_id", most=INT32_MAX - 1)
    if number is None:
        return new_request_id(table)
    if table._default_manager.filter(request_id=number, charge_point=draft.charge_point).exists():
        raise bad_param("request_id", f"{draft.charge_point.cp_id} has had an order with the number {number}")
    return number


def stale_after(*moments: datetime | None) -> datetime | None:
    """Return when a job is given up that is heard of, or has its time, at these moments; None for never."""
    seconds = get_config().job_timeout
    known = [moment for moment in moments if moment is not None]
    if not seconds or not known:
        return None
    try:
        return max(known) + timedelta(seconds=seconds)
    except OverflowError:  # some order "not before the end of the calendar"
        return None


# --- what became of the order -----------------------------------------------------------------------------------------


def settle(kind: Kind[J], outcome: Outcome) -> J | None:
    """Let a job follow from the outcome of its command, and return it."""
    job = kind.jobs._default_manager.filter(command_id=outcome.command.pk).first()
    if job is None:
        return None
    state, detail = _state_of(outcome)
    values: dict[str, Any] = {"state": state, "detail": detail}
    if state not in OPEN:
        values["ended_at"] = outcome.now
    elif job.stale_at is not None and (later := stale_after(outcome.now)) is not None:
        values["stale_at"] = max(job.stale_at, later)  # the order may have waited long for its charge point
    # A report may come before the answer, and knows better.
    if kind.jobs._default_manager.filter(pk=job.pk, state=State.ORDERED).update(**values):
        job.refresh_from_db()
        tell_job(kind, job, now=outcome.now)
    if outcome.accepted and (outcome.facts.get("replaced") or job.request_id is None):
        # Without a request id no report says which of two it is about: the newer order is the one.
        _replace(kind, job, any_kind=bool(outcome.facts.get("replaced")), now=outcome.now)
    return job


def _state_of(outcome: Outcome) -> tuple[State, str]:
    command, status = outcome.command, Command.Status
    match outcome.status:
        case status.ACCEPTED if outcome.facts.get("nothing"):
            return State.NOTHING, "The charge point named no file: it has nothing to upload."
        case status.ACCEPTED:
            return State.RUNNING, ""
        case status.REJECTED:
            return State.REFUSED, f"The charge point answered {outcome.word}."
        case status.FAILED if command.answered_at is not None:
            said = ": ".join(part for part in (command.error_code, command.error_description) if part)
            return State.REFUSED, f"The charge point answered with an error: {said}"
        case status.FAILED | status.TIMED_OUT if command.sent_at is not None:
            return State.LOST, "The order was sent, and no answer came."
    return State.CANCELLED, "The order was never sent."


def _replace(kind: Kind[J], job: J, *, any_kind: bool, now: datetime) -> None:
    """End the jobs that a newer one has replaced."""
    older = kind.jobs._default_manager.filter(
        charge_point_id=job.charge_point_id, state__in=OPEN, pk__lt=job.pk
    )
    if not any_kind:
        older = older.filter(request_id=None)
    for one in older:
        end_job(kind, one, State.CANCELLED, "A newer order replaced it.", now=now)


def end_job(kind: Kind[J], job: J, state: State, detail: str, *, now: datetime) -> bool:
    """End a job that is open, for a reason of ours; return whether it was."""
    with transaction.atomic():
        ended = kind.jobs._default_manager.filter(pk=job.pk, state__in=OPEN).update(
            state=state, detail=detail, ended_at=now
        )
        if ended:
            job.refresh_from_db()
            tell_job(kind, job, now=now)
    return bool(ended)


# --- what the charge point says ---------------------------------------------------------------------------------------


def note_report(
    kind: Kind[J],
    charge_point_id: int,
    status: str,
    *,
    numbered: bool,
    request_id: int | None = None,
    now: datetime,
) -> J | None:
    """Keep a status that a charge point reports, and return the job that it has moved.

    `numbered` says whether the message is of the kind that names its job by `request_id`.
    """
    status = status[:STATUS_MAX]
    job = None if status == IDLE else _meant(kind, charge_point_id, numbered, request_id)
    step = kind.steps.get(status)
    flag = _flag(job, step, status, request_id)
    moved = False
    if job is not None and step is not None and not flag:
        news = (job.state, job.status) != (step, status)
        listened = kind.jobs._default_manager.filter(pk=job.pk, state__in=LISTENING).update(
            state=step,
            status=status,
            status_at=now if news else F("status_at"),
            ended_at=None if step in OPEN else now,
            stale_at=max(filter(None, (job.stale_at, stale_after(now))), default=None),
            detail="",
        )
        moved = news and listened == 1
    news = _keep(kind, charge_point_id, job, status, request_id, flag, now)
    if news and flag not in ("", Flag.IDLE):
        # It moves no job, such as that of an update which somebody else has ordered; outside it is news all the same.
        said = {"request_id": request_id, "status": status, "detail": f"{Flag(flag).label}."}
        if job is not None:
            tell_job(kind, job, now=now, **said)
        else:
            cp_id = ChargePoint.objects.values_list("cp_id", flat=True).get(pk=charge_point_id)
            record(
                kind.topic, cp_id, {"job_id": None, "command_id": None, "state": None} | said, occurred_at=now
            )
    if job is None or not moved:
        return None
    job.refresh_from_db()
    tell_job(kind, job, now=now)
    if job.state == State.SUCCEEDED:
        command = Command.objects.filter(pk=job.command_id).first()
        if command is not None:
            note_effect(command, kind.effect(job), kind=kind.subject, subject=job.pk, now=now)
    return job


def _meant(kind: Kind[J], charge_point_id: int, numbered: bool, request_id: int | None) -> J | None:
    """Return the job that a report is about: the one it names, else the newest that the charge point knows of."""
    jobs = kind.jobs._default_manager.filter(charge_point_id=charge_point_id)
    if request_id is not None:
        return jobs.filter(request_id=request_id).first() if 0 < request_id < INT32_MAX else None
    known = jobs.filter(request_id__isnull=not numbered).exclude(state__in=[State.REFUSED, State.CANCELLED])
    return (
        known.filter(state=State.RUNNING).order_by("-pk").first() or known.order_by("-pk").first()
    )  # the running one first: an order on its way may not have arrived yet


def _flag(job: Job | None, step: State | None, status: str, request_id: int | None) -> str:
    if status == IDLE:
        return Flag.IDLE  # S16-60: it only answers a trigger
    if job is None:
        return Flag.NO_JOB if request_id is None else Flag.UNKNOWN
    if step is None:
        return Flag.WORD
    return "" if job.state in LISTENING else Flag.AFTER_END


def _keep(
    kind: Kind[J],
    charge_point_id: int,
    job: J | None,
    status: str,
    request_id: int | None,
    flag: str,
    now: datetime,
) -> bool:
    """Write a report down, or count it: quirk C8 sends the same one for as long as it works.

    Returns whether it says something else than the one before, or comes first since the charge point has begun anew.
    """
    about: dict[str, Any] = {"charge_point_id": charge_point_id, "job": job}
    rows = kind.reports._default_manager.filter(**about)
    alike = rows.filter(request_id=request_id)
    before = alike.order_by("-last_at", "-pk").first()
    news = before is None or before.status != status or _begun_anew(charge_point_id, before.last_at)
    last = alike.order_by("-pk").first()
    if last is None or last.status != status:
        full = rows.count() >= REPORTS_MAX
        if flag or full:
            # Of what changes nothing one row a word is enough, in whatever order it comes.
            last = alike.filter(status=status).order_by("-pk").first()
        if last is None and flag and full:
            return False  # whoever makes up words and numbers without end finds them in the frames
    if last is not None and last.status == status:
        kind.reports._default_manager.filter(pk=last.pk).update(count=F("count") + 1, last_at=now)
    else:
        kind.reports._default_manager.create(
            **about, request_id=request_id, status=status, flag=flag, received_at=now, last_at=now
        )
    return news


def _begun_anew(charge_point_id: int, since: datetime) -> bool:
    """Return whether a charge point has connected or booted after a moment: what it reports then is no mere repeat."""
    booted = ChargePoint.objects.filter(pk=charge_point_id, booted_at__gt=since)
    return (
        booted.exists()
        or Connection.objects.filter(charge_point_id=charge_point_id, opened_at__gt=since).exists()
    )


def tell_job(kind: Kind[J], job: J, *, now: datetime, **said: Any) -> None:
    """Tell outside, and open pages, how far a job is; `said` is what a report says beside or instead."""
    facts = {
        "job_id": str(job.pk),
        "command_id": str(job.command_id),
        "request_id": job.request_id,
        "state": job.state,
        "status": job.status,
        "detail": job.detail,
    }
    record(kind.topic, job.charge_point.cp_id, facts | kind.facts(job) | said, occurred_at=now)
    announce(f"charge-point:{job.charge_point_id}")


# --- the clock --------------------------------------------------------------------------------------------------------


def expire_jobs(kind: Kind[J], *, now: datetime, verdict: Callable[[Any], tuple[State, str]]) -> int:
    """End jobs of which nothing was heard for too long, as `verdict` says; return how many. Idempotent, bounded."""
    waits = Command.objects.filter(pk=OuterRef("command_id"), status=Command.Status.QUEUED)
    stale = kind.jobs._default_manager.filter(
        ~Exists(waits), state__in=OPEN, stale_at__lte=now
    ).select_related("charge_point")
    return sum(end_job(kind, job, *verdict(job), now=now) for job in stale.order_by("stale_at")[:500])
