"""`manage.py settings_override`: see, set and reset the settings that are overridden while servers run."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from csms.core.audit.services import at_the_keyboard
from csms.core.overrides.selectors import settings_now
from csms.core.overrides.services import override_setting, refresh, reset_setting
from csms.core.refusals import BadField, NotNow


class Command(BaseCommand):
    help = "Override a setting in every running process, or give it the environment's value back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        listing = steps.add_parser("list", help="what is overridden")
        listing.add_argument("--all", action="store_true", help="also what may be, and is not")
        one = steps.add_parser("set", help="override a setting")
        one.add_argument("name", help="such as CSMS_HEARTBEAT_INTERVAL")
        one.add_argument("value")
        one.add_argument("--reason", required=True, help="for those who find it later")
        back = steps.add_parser("reset", help="give a setting the environment's value back")
        back.add_argument("name")
        back.add_argument("--reason", default="", help="for those who wonder later")

    def handle(self, *args: Any, **options: Any) -> None:
        refresh()
        by, now = at_the_keyboard(), timezone.now()
        try:
            match options["step"]:
                case "set":
                    changed = override_setting(
                        options["name"], options["value"], by=by, now=now, reason=options["reason"]
                    )
                    self.stdout.write(
                        "it holds in every process within seconds" if changed else "it was so already"
                    )
                case "reset":
                    if not reset_setting(options["name"], by=by, now=now, reason=options["reason"]):
                        raise CommandError(f"{options['name']} is not overridden")
                    self.stdout.write("the environment's value holds again within seconds")
                case _:
                    self._list(everything=options["all"])
        except (BadField, NotNow) as refusal:
            raise CommandError(str(refusal)) from refusal

    def _list(self, *, everything: bool) -> None:
        for setting in settings_now():
            if setting.problem:
                self.stdout.write(f"{setting.name}={setting.override_value} is ignored: {setting.problem}")
            elif setting.by:
                said = f"by {setting.by}, {setting.at:%Y-%m-%d %H:%M} UTC: {setting.reason}"
                self.stdout.write(
                    f"{setting.name}={setting.value} (environment: {setting.environment_value}) {said}"
                )
            elif everything and setting.mutable:
                self.stdout.write(f"{setting.name}={setting.value}")
