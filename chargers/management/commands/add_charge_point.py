"""Register a charge point before it first connects."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chargers.models import Registration
from chargers.services import Refusal, new_password, register_charge_point


class Command(BaseCommand):
    help = "Register a charge point, accepted unless --pending, under the identity at the end of its URL."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("cp_id", metavar="CP_ID", help="its identity, e.g. CP16")
        parser.add_argument("--name", default="", help="for people, e.g. 'Station street, left'")
        parser.add_argument(
            "--pending", action="store_true", help="let it wait for approval (approve_charge_point)"
        )
        secret = parser.add_mutually_exclusive_group()
        secret.add_argument("--password", help="HTTP Basic password that it presents, 16 to 64 bytes")
        secret.add_argument(
            "--generate-password", action="store_true", help="make a password and print it, only now"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # 20 bytes as 40 hex digits: what a 1.6 AuthorizationKey may hold, and what 2.x takes as well (T-024, T-025).
        password = new_password() if options["generate_password"] else options["password"]
        if password == "":
            raise CommandError("--password is empty; leave it out for a charge point without a password")
        registration = Registration.PENDING if options["pending"] else Registration.ACCEPTED
        try:
            charge_point = register_charge_point(
                options["cp_id"],
                now=timezone.now(),
                name=options["name"],
                registration=registration,
                password=password or "",
                by="manage.py add_charge_point",
            )
        except Refusal as error:
            raise CommandError(str(error)) from error
        state = "waits for approval" if options["pending"] else "is accepted"
        secured = "with a password" if password else "without a password"
        self.stderr.write(f"{charge_point.cp_id} is registered {secured} and {state}.")
        if options["generate_password"]:
            self.stderr.write("Its password, shown only now:")
            self.stdout.write(password)
