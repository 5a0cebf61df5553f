"""Show what the backend has not been told of sessions yet, and have what was given up told again."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from csms.core.refusals import NotNow
from transactions.backend.models import SessionReport
from transactions.backend.services import replay, replay_all

SHOWN = 200


class Command(BaseCommand):
    help = (
        "List what the backend has not been told of sessions yet, oldest first: what waits and what was given up. "
        "--replay begins a new series of attempts for what was given up."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dead", action="store_true", help="list only what was given up")
        parser.add_argument("--replay", metavar="ID|all", help="tell this again, or all that was given up")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["replay"]:
            self._replay(options["replay"])
            return
        states = [SessionReport.State.DEAD]
        if not options["dead"]:
            states.append(SessionReport.State.PENDING)
        rows = SessionReport.objects.filter(state__in=states).order_by("pk")
        for row in rows[:SHOWN]:
            when = f"next at {row.next_at:%Y-%m-%d %H:%M:%SZ}" if row.state == "pending" else "given up"
            what = f"{row.id} {row.kind:5} {row.cp_id} {row.transaction_id}"
            self.stdout.write(f"{what}: {when} after {row.attempts} attempts. {row.last_error}".rstrip())
        more = rows.count() - SHOWN
        if more > 0:
            self.stdout.write(f"… and {more} more.")

    def _replay(self, which: str) -> None:
        now = timezone.now()
        if which == "all":
            self.stdout.write(f"{replay_all(now=now)} will be told again.")
            return
        try:
            report = SessionReport.objects.filter(pk=UUID(which)).first()
        except ValueError:
            raise CommandError(f"{which!r} is neither an id nor `all`") from None
        if report is None:
            raise CommandError(f"there is no {which}")
        try:
            replay(report, now=now)
        except NotNow as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{report.kind} of {report.transaction_id} at {report.cp_id} will be told again.")
