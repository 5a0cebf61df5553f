"""Accept a charge point that waits for approval, or that was rejected."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chargers.models import Registration
from chargers.services import find_charge_point, set_registration


class Command(BaseCommand):
    help = "Accept a charge point that waits for approval, or was rejected; if connected it boots again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("cp_id", metavar="CP_ID", help="its identity")

    def handle(self, *args: Any, **options: Any) -> None:
        charge_point = find_charge_point(options["cp_id"])
        if charge_point is None:
            raise CommandError(f"{options['cp_id']} is not known; add_charge_point registers it")
        if charge_point.retired_at is not None:
            raise CommandError(f"{charge_point} was retired on {charge_point.retired_at:%Y-%m-%d}")
        changed = set_registration(
            charge_point, Registration.ACCEPTED, now=timezone.now(), by="manage.py approve_charge_point"
        )
        self.stdout.write(f"{charge_point} is accepted{'.' if changed else ' already.'}")
