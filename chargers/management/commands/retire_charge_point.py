"""Take a charge point out of service for good; its history stays."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chargers.services import find_charge_point, retire_charge_point


class Command(BaseCommand):
    help = "Take a charge point out of service for good. Its history stays; it may not connect again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("cp_id", metavar="CP_ID", help="its identity")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        charge_point = find_charge_point(options["cp_id"])
        if charge_point is None:
            raise CommandError(f"{options['cp_id']} is not known, so there is nothing to retire")
        if charge_point.retired_at is not None:
            self.stdout.write(f"{charge_point} was retired already, on {charge_point.retired_at:%Y-%m-%d}.")
            return
        if not options["yes"] and not self._agreed(f"Retire {charge_point} for good? [y/N] "):
            raise CommandError(f"{charge_point} was not retired; answer y, or give --yes")
        retire_charge_point(charge_point, now=timezone.now(), by="manage.py retire_charge_point")
        self.stdout.write(f"{charge_point} is retired.")

    def _agreed(self, question: str) -> bool:
        try:
            return input(question).strip().lower() in ("y", "yes")
        except EOFError:  # nobody there to ask
            return False
