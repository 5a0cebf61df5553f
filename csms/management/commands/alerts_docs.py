"""`manage.py alerts_docs` writes the tables of alerts; --check only compares."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.conditions import docs


class Command(BaseCommand):
    help = f"Write the tables in {docs.DOCUMENT} from the conditions, happenings and shipped rules."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit status 1 if the file has drifted"
        )

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / docs.DOCUMENT
        known = path.read_text()
        wanted = docs.document(known)
        if wanted == known:
            self.stdout.write("nothing to change")
        elif check:
            raise CommandError(
                f"{docs.DOCUMENT}: not as the tables are; run `manage.py alerts_docs`", returncode=1
            )
        else:
            path.write_text(wanted)
            self.stdout.write(f"wrote {docs.DOCUMENT}")
