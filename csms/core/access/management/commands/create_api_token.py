"""Make an API token; its key is shown once."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from csms.core.access.models import SCOPES
from csms.core.access.services import RATE_MAX, create_api_token, signing_secret_text

DEFAULT_SCOPES = ("read", "command", "write")


class Command(BaseCommand):
    help = (
        "Make an API token. The key is printed once and kept only as a hash; beside it, among the remarks, the secret "
        "with which callbacks are signed for this token."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what will use the token, e.g. billing")
        parser.add_argument(
            "--scopes",
            "--scope",
            action="append",
            metavar="SCOPES",
            help=f"comma-separated, or one each time, of {', '.join(SCOPES)} (default: read,command,write)",
        )
        parser.add_argument("--days", type=int, help="days until it expires (default: never)")
        parser.add_argument(
            "--rate", type=int, help="requests a minute; 0: no limit (default: as CSMS_API_RATE has it)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        days = options["days"]
        if days is not None and days < 1:
            raise CommandError("--days is at least 1")
        rate = options["rate"]
        if rate is not None and not 0 <= rate <= RATE_MAX:
            raise CommandError(f"--rate is 0 to {RATE_MAX}")
        try:
            token, key = create_api_token(
                options["name"],
                scopes=[s for s in ",".join(options["scopes"] or DEFAULT_SCOPES).split(",") if s],
                now=now,
                expires_at=now + timedelta(days=days) if days else None,
                rate=rate,
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        until = f"until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else "without expiry"
        self.stderr.write(f"Token {token.name!r} ({', '.join(token.scopes)}; {until}).")
        self.stderr.write(f"Its signing secret, shown only now: {signing_secret_text(token)}")
        self.stderr.write("Its key, shown only now:")
        self.stdout.write(key)
