"""Revoke an API token, named or told by its first characters."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from csms.core.access.management.token_command import TokenCommand
from csms.core.access.services import named_api_token, revoke_api_token


class Command(TokenCommand):
    help = (
        "Revoke an API token: from now on its key is refused. Once revoked it stays so; its name stays taken."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            token = named_api_token(options["token"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        if revoke_api_token(token.name, now=timezone.now()):
            self.stdout.write(f"Token {token.name!r} ({token.hint}…) is revoked.")
        else:
            self.stdout.write(f"Token {token.name!r} ({token.hint}…) was revoked before.")
