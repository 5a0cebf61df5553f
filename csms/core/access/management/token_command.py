"""What the commands that concern one API token are given: its name or prefix."""

from django.core.management.base import BaseCommand, CommandParser


class TokenCommand(BaseCommand):
    """The base of those commands; `token` is among their options."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "token",
            metavar="NAME|PREFIX",
            help="its name, or the beginning of its key as `list_api_tokens` shows it",
        )
