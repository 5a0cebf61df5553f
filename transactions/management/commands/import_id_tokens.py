"""Take in a file of id tokens."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from csms.core.audit.services import at_the_keyboard
from transactions.token_files import COLUMNS, FileRefused
from transactions.token_import import import_id_tokens


class Command(BaseCommand):
    help = f"Take in a CSV file of id tokens with the columns {', '.join(COLUMNS)}: all of it or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="in UTF-8, a line of names first")
        parser.add_argument("--upsert", action="store_true", help="change tokens that are known already")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        path, dry_run = options["file"], options["dry_run"]
        try:
            with path.open(encoding="utf-8-sig", newline="") as lines:
                done = import_id_tokens(
                    lines,
                    upsert=options["upsert"],
                    dry_run=dry_run,
                    now=timezone.now(),
                    by=at_the_keyboard(),
                )
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
        except FileRefused as refusal:
            for problem in refusal.problems.first:
                self.stderr.write(f"line {problem.line} {problem.column}: {problem.text}")
            raise CommandError(f"{path} was not taken in: {refusal}") from refusal
        would = "would be " if dry_run else ""
        self.stdout.write(
            f"{done.added} tokens {would}added, {done.changed} {would}changed, {done.unchanged} were so already."
        )
