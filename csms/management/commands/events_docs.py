"""`manage.py events_docs` writes the reference of events; --check only compares."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from csms.core.events import docs


class Command(BaseCommand):
    help = f"Write the reference in {docs.DOCUMENT} from the catalogue and the messages of events."
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
                f"{docs.DOCUMENT}: not as the events are; run `manage.py events_docs`", returncode=1
            )
        else:
            path.write_text(wanted)
            self.stdout.write(f"wrote {docs.DOCUMENT}")
