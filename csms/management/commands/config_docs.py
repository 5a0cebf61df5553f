"""`manage.py config_docs` writes `.env.example` and `docs/configuration.md`; --check only compares."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from csms.core import config_docs


class Command(BaseCommand):
    help = "Write .env.example and docs/configuration.md from the settings' definitions."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit status 1 if a file has drifted"
        )

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        if not check:
            changed = config_docs.write(root)
            self.stdout.write("\n".join(f"wrote {path}" for path in changed) or "nothing to change")
        elif drifted := config_docs.drifted(root):
            raise CommandError(
                f"{', '.join(drifted)}: not as the settings say; run `manage.py config_docs`",
                returncode=1,
            )
