"""Remove old data now, as the hourly task does."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from csms.core.config import get_config
from csms.pruning import prune


class Command(BaseCommand):
    help = "Remove data that is older than the CSMS_RETAIN_… settings keep it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, **options: Any) -> None:
        removed = prune(get_config(), now=timezone.now(), dry_run=options["dry_run"])
        verb = "would be removed" if options["dry_run"] else "removed"
        for name, count in removed.items():
            self.stdout.write(f"{count:>9} {name} {verb}")
