"""Make a person who may sign in to the console."""

import secrets
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from csms.core.access.models import Role, User


class Command(BaseCommand):
    help = "Make a person who may sign in to the console, or give one a new password or role."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", choices=Role.values, default=Role.OPERATOR.value)
        parser.add_argument("--ask", action="store_true", help="ask for the password instead of making one")
        parser.add_argument("--update", action="store_true", help="change a person who exists already")

    def handle(self, *args: Any, **options: Any) -> None:
        username, role = options["username"], options["role"]
        user = User.objects.filter(username=username).first()
        if user is not None and not options["update"]:
            raise CommandError(f"{username!r} exists already; --update gives them a new password and role")
        user = user or User(username=username)
        user.role = role
        user.is_staff = user.is_superuser = role == Role.ADMINISTRATOR
        password = getpass("Password: ") if options["ask"] else secrets.token_urlsafe(12)
        try:
            user.username_validator(username)
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        user.set_password(password)
        user.save()
        self.stderr.write(f"{username} may sign in as {role}.")
        if not options["ask"]:
            self.stderr.write("The password, shown only now:")
            self.stdout.write(password)
