"""A fleet as the store holds it, jobs over it, and what its charge points answer."""

from datetime import datetime, timedelta
from typing import Any

from chargers.bulk import running
from chargers.bulk.models import BulkJob, BulkTarget
from chargers.bulk.selectors import counts_of
from chargers.bulk.services import Manner, create_bulk_job
from chargers.commands import ledger
from chargers.commands.ordering import Author
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from tests.api.cast import NOON, charge_point, online

ALICE = Author("alice")
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))


def fleet(count: int, **values: Any) -> list[ChargePoint]:
    """Charge points CP001 … that are online."""
    return [online(charge_point(f"CP{number:03}", **values)) for number in range(1, count + 1)]


def job_for(
    chargers: list[ChargePoint],
    slug: str = "clear-cache",
    params: dict[str, Any] | None = None,
    **manner: Any,
) -> BulkJob:
    """A job of alice's, made at noon; fast enough for one step unless the rate is the point."""
    manner = {"rate_per_minute": 6000} | manner
    return create_bulk_job(chargers, slug, params or {}, Manner(**manner), author=ALICE, now=NOON)


def step(at: datetime = NOON) -> int:
    return running.run_bulk_jobs(now=at)


def steps(at: datetime = NOON, count: int = 6) -> int:
    """As many steps as anything needs that waits for nobody, a second from one to the next."""
    return sum(step(at + number * SECOND) for number in range(count))


def fresh(job: BulkJob) -> BulkJob:
    return BulkJob.objects.get(pk=job.pk)


def state(job: BulkJob) -> str:
    return str(fresh(job).state)


def counts(job: BulkJob) -> dict[str, int]:
    return counts_of([fresh(job)])[job.pk]


def sent(job: BulkJob) -> list[str]:
    """The identities whose command was queued, in the order of their turns."""
    rows = BulkTarget.objects.filter(job=job, command_id__isnull=False).order_by("position")
    return list(rows.values_list("charge_point__cp_id", flat=True))


def answer(command: Command, word: str = "Accepted", at: datetime = NOON) -> None:
    """Let the charge point take its next command and answer it."""
    cp = ChargePoint.objects.get(pk=command.charge_point_id)
    assert cp.connection_id
    claimed = ledger.claim_next(cp.pk, connection_id=cp.connection_id, version=Version.V16, now=at)
    assert claimed is not None
    assert claimed.command_id == command.pk
    ledger.settle_answer(command.pk, {"status": word}, version=Version.V16, now=at)


def answers(job: BulkJob, word: str = "Accepted", count: int | None = None, at: datetime = NOON) -> None:
    """Let the charge points that were commanded and have not answered do so."""
    rows = BulkTarget.objects.filter(job=job, state="commanded").order_by("position")
    for command_id in list(rows.values_list("command_id", flat=True)[:count]):
        answer(Command.objects.get(pk=command_id), word, at)
