"""Remove old data now, as the hourly task does."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from csms.core.config import get_config
from csms.core.overrides.services import refresh
from csms.pruning import Holding, holdings, prune


class Command(BaseCommand):
    help = "Remove data that is older than the CSMS_RETAIN_… settings keep it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="only count, and say what there is of each class"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        refresh()
        now = timezone.now()
        if options["dry_run"]:
            for holding in holdings(get_config(), now=now):
                self.stdout.write(f"{holding.old:>9} {holding.name} would be removed; {_described(holding)}")
            return
        for name, count in prune(get_config(), now=now).items():
            self.stdout.write(f"{count:>9} {name} removed")


def _described(holding: Holding) -> str:
    said = [f"kept {holding.days} days" if holding.days else "kept for ever", f"{holding.rows} rows"]
    if holding.bytes is not None:
        said.append(filesizeformat(holding.bytes).replace("\xa0", " "))
    if holding.oldest is not None:
        said.append(f"since {holding.oldest:%Y-%m-%d %H:%M} UTC")
    if holding.partitions:
        said.append(f"{holding.partitions} partitions")
    return ", ".join(said)
