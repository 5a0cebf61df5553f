"""Give an API token a new signing secret; it is shown once."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from csms.core.access.management.token_command import TokenCommand
from csms.core.access.services import (
    COMMAND_LINE,
    named_api_token,
    rotate_signing_secret,
    signing_secret_text,
)


class Command(TokenCommand):
    help = (
        "Give an API token a new signing secret. What is posted for it has two signatures for 24 hours, with the new "
        "one and with the one before."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            token = named_api_token(options["token"])
            token = rotate_signing_secret(token, now=timezone.now(), by=COMMAND_LINE)
        except ValueError as error:
            raise CommandError(str(error)) from error
        until = token.older_signs_until
        if until is not None:
            self.stderr.write(f"The one before signs, too, until {until:%Y-%m-%d %H:%M} UTC.")
        self.stderr.write(f"The signing secret of {token.name!r}, shown only now:")
        self.stdout.write(signing_secret_text(token))
