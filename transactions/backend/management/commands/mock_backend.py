"""Serve a mock of the backend, to try the contract with; see docs/backend.md."""

import contextlib
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from csms.core.backend.answers import REGISTRATION_STATUSES, TOKEN_STATUSES
from csms.core.backend.mock import MockBackend, Rules


class Command(BaseCommand):
    help = (
        "Serve a mock of the backend: it checks and prints what it is asked, and answers as it is told here. "
        "GET /sessions shows the sessions that it was told of. Point BACKEND_BASE_URL to it."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8090, help="0 for any that is free (default: 8090)")
        parser.add_argument("--token", default="", help="what must come as BACKEND_TOKEN (default: anything)")
        parser.add_argument(
            "--accept",
            nargs="+",
            default=[],
            metavar="TAG",
            help="only these tokens may charge (default: all but those of --block and --say)",
        )
        parser.add_argument("--block", nargs="+", default=[], metavar="TAG", help="these are Blocked")
        parser.add_argument(
            "--say",
            nargs="+",
            default=[],
            metavar="TAG=STATUS",
            help="say this of a token, e.g. 04A1=Expired",
        )
        parser.add_argument("--parent", default="", metavar="TAG", help="the parent_id_tag of all tokens")
        parser.add_argument(
            "--register", default="Accepted", choices=sorted(REGISTRATION_STATUSES), help="of all that boot"
        )
        parser.add_argument("--interval", type=int, metavar="S", help="heartbeat_interval_seconds")
        parser.add_argument(
            "--fail-rate", type=float, default=0.0, metavar="P", help="answer 500 with this probability"
        )
        parser.add_argument("--latency-ms", type=int, default=0, metavar="MS", help="take so long to answer")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["fail_rate"] <= 1:
            raise CommandError("--fail-rate is a probability, from 0 to 1")
        statuses = {tag.upper(): "Blocked" for tag in options["block"]}
        for said in options["say"]:
            tag, _, status = said.rpartition("=")
            if not tag or status not in TOKEN_STATUSES:
                raise CommandError(
                    f"--say {said!r} is not TAG=STATUS, of {', '.join(sorted(TOKEN_STATUSES))}"
                )
            statuses[tag.upper()] = status
        rules = Rules(
            accepted=frozenset(tag.upper() for tag in options["accept"]),
            statuses=statuses,
            parent=options["parent"],
            registration=options["register"],
            interval=options["interval"],
            token=options["token"],
            fail_rate=options["fail_rate"],
            latency=options["latency_ms"] / 1000,
        )
        try:
            backend = MockBackend(rules, host=options["host"], port=options["port"], tell=self._tell)
        except OSError as error:
            raise CommandError(f"{options['host']}:{options['port']}: {error.strerror or error}") from error
        self._tell(f"A mock backend serves at BACKEND_BASE_URL={backend.url}")
        with contextlib.suppress(KeyboardInterrupt):
            backend.run()

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
