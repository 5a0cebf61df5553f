"""`manage.py api_docs` writes the OpenAPI document to `docs/api/`; --check only compares."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from csms import api_docs


class Command(BaseCommand):
    help = f"Write {api_docs.DOCUMENT} from the routes of the API."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit status 1 if the file has drifted"
        )

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / api_docs.DOCUMENT
        known = path.read_text() if path.exists() else ""
        document = api_docs.document()
        if document == known:
            self.stdout.write("nothing to change")
        elif check:
            raise CommandError(
                f"{api_docs.DOCUMENT}: not as the routes say; run `manage.py api_docs`", returncode=1
            )
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(document)
            self.stdout.write(f"wrote {api_docs.DOCUMENT}")
