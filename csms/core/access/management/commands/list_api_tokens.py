"""List the API tokens, without anything that would let somebody in."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from csms.core.access.models import ApiToken

HEADINGS = ("NAME", "PREFIX", "STATE", "SCOPES", "CREATED (UTC)", "LAST USED", "EXPIRES")


class Command(BaseCommand):
    help = "List the API tokens: name, first characters, state, scopes and times (UTC). Keys are not kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--live", action="store_true", help="leave out those expired or revoked")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        tokens = [
            token
            for token in ApiToken.objects.order_by("name")
            if token.state(now) == "live" or not options["live"]
        ]
        if not tokens:
            self.stderr.write("There are no API tokens; `create_api_token NAME` makes one.")
            return
        rows = [HEADINGS, *(_row(token, now) for token in tokens)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        for row in rows:
            line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
            self.stdout.write(line.rstrip())


def _row(token: ApiToken, now: datetime) -> tuple[str, ...]:
    return (
        token.name,
        token.hint,
        token.state(now),
        ",".join(token.scopes),
        _moment(token.created_at),
        _moment(token.last_used_at),
        _moment(token.expires_at),
    )


def _moment(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if value else "never"
