"""Register an id token, or change one that is known."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from csms.core.audit.services import at_the_keyboard
from transactions.authorization import find_registered
from transactions.tokens import TokenRefusal, add_id_token, id_token_warnings, update_id_token


class Command(BaseCommand):
    help = (
        "Register an id token (the idTag of OCPP 1.6), or with --update change what is given of a known one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "token", metavar="TOKEN", help="as the charge point sends it; case does not matter"
        )
        parser.add_argument("--label", help="whose it is; for people")
        parser.add_argument("--parent", help="the group whose members may stop each other's transactions")
        parser.add_argument("--expires", metavar="TIME", help="ISO 8601 with zone, e.g. 2030-12-31T23:59:59Z")
        parser.add_argument(
            "--max-active", type=int, metavar="N", help="most transactions at a time (default: no limit)"
        )
        parser.add_argument(
            "--type",
            default="",
            help="in the words of OCPP 2.x, such as ISO14443 or KeyCode (default: any); of a key code only a digest "
            "is kept, by which it is named from then on",
        )
        parser.add_argument(
            "--at",
            action="append",
            dest="evses",
            metavar="PLACE",
            help="where it may be used: CP-1, CP-1/2 for one EVSE, or 2 for that EVSE anywhere; may be repeated "
            "(default: everywhere)",
        )
        parser.add_argument("--language", help="of its driver, such as de or de-CH")
        parser.add_argument(
            "--message",
            dest="personal_message",
            help="that charge points of OCPP 2.x which show texts tell its driver",
        )
        block = parser.add_mutually_exclusive_group()
        block.add_argument("--block", action="store_const", const=True, dest="blocked", help="refuse it")
        block.add_argument(
            "--unblock",
            action="store_const",
            const=False,
            dest="blocked",
            help="with --update: refuse no more",
        )
        parser.add_argument("--update", action="store_true", help="change a token that is known already")

    def handle(self, *args: Any, **options: Any) -> None:
        text, now, by = options["token"], timezone.now(), at_the_keyboard()
        given = {
            name: options[name]
            for name in ("label", "parent", "max_active", "blocked", "evses", "language", "personal_message")
            if options[name] is not None
        }
        if options["expires"] is not None:
            given["expires_at"] = _moment(options["expires"])
        token = find_registered(text, options["type"])
        try:
            if token is None:
                token = add_id_token(text, type=options["type"], now=now, by=by, **given)
                done = "is registered"
            elif not options["update"]:
                raise CommandError(f"{token} is known already; --update changes it")
            else:
                done = "is changed" if update_id_token(token, now=now, by=by, **given) else "was so already"
        except TokenRefusal as error:
            raise CommandError(str(error)) from error
        for warning in id_token_warnings(token.id_token, token.type):
            self.stderr.write(self.style.WARNING(warning))
        self.stdout.write(f"{token} {done}{' (blocked)' if token.blocked else ''}.")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"--expires {text!r} is no time; give it as 2030-12-31T23:59:59Z or 2030-12-31T23:59:59+01:00"
        ) from None
