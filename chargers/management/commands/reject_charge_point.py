"""Refuse to serve a charge point, until it is approved."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chargers.models import Registration
from chargers.services import find_charge_point, set_registration


class Command(BaseCommand):
    help = "Refuse to serve a charge point; if connected it is disconnected. approve_charge_point undoes it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("cp_id", metavar="CP_ID", help="its identity")

    def handle(self, *args: Any, **options: Any) -> None:
        charge_point = find_charge_point(options["cp_id"])
        if charge_point is None:
            raise CommandError(f"{options['cp_id']} is not known, so there is nothing to reject")
        changed = set_registration(
            charge_point, Registration.REJECTED, now=timezone.now(), by="manage.py reject_charge_point"
        )
        self.stdout.write(f"{charge_point} is rejected{'.' if changed else ' already.'}")
