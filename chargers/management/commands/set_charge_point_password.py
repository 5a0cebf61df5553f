"""Set, make or remove the HTTP Basic password of a charge point."""

from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chargers.services import Refusal, find_charge_point, new_password, set_password

BY = "manage.py set_charge_point_password"


class Command(BaseCommand):
    help = (
        "Set the password that a charge point presents from its next connection on; asks for it by default."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("cp_id", metavar="CP_ID", help="its identity")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--password", help="16 to 64 bytes")
        what.add_argument("--generate", action="store_true", help="make one and print it, only now")
        what.add_argument("--remove", action="store_true", help="let it connect without a password")

    def handle(self, *args: Any, **options: Any) -> None:
        charge_point = find_charge_point(options["cp_id"])
        if charge_point is None:
            raise CommandError(f"{options['cp_id']} is not known; add_charge_point registers it")
        if options["remove"]:
            set_password(charge_point, "", by=BY, now=timezone.now())
            self.stderr.write(f"{charge_point} has no password now.")
            return
        password = self._password(options)
        if password == "":
            raise CommandError("the password is empty; --remove takes the password away")
        try:
            set_password(charge_point, password, by=BY, now=timezone.now())
        except Refusal as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"{charge_point} has a new password; a connection that is open stays open.")
        if options["generate"]:
            self.stderr.write("The password, shown only now:")
            self.stdout.write(password)

    def _password(self, options: dict[str, Any]) -> str:
        if options["generate"]:
            return new_password()
        if options["password"] is not None:
            return str(options["password"])
        try:
            return getpass(f"Password of {options['cp_id']}: ")
        except EOFError:
            raise CommandError("there is nobody to ask; give --password, --generate or --remove") from None
