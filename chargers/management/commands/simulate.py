"""Drive simulated charge points against a server, this one or any other that speaks OCPP 1.6 or 2.0.1."""

import asyncio
import os
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chargers.simulator import SCENARIOS, FleetOptions, FleetReport, OptionError, run_fleet
from chargers.simulator.fleet import ID_TAGS, MOST_CHARGERS, VERSIONS, identities

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Command(BaseCommand):
    help = "Simulate a fleet of OCPP 1.6 and 2.0.1 charge points over real WebSockets. --list shows the scenarios."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--list", action="store_true", help="show the scenarios and exit")
        parser.add_argument("--count", type=int, default=1, help=f"charge points, 1 to {MOST_CHARGERS}")
        parser.add_argument("--scenario", default="busy", help="what they do: see --list (%(default)s)")
        parser.add_argument(
            "--url", default=FleetOptions.url, help="server, without the identity (%(default)s)"
        )
        parser.add_argument(
            "--prefix", default=FleetOptions.prefix, help="of the identities: SIM gives SIM0001 ..."
        )
        parser.add_argument(
            "--ocpp",
            default=FleetOptions.ocpp,
            help=f"{', '.join(VERSIONS)}: what they speak; both gives every other one 2.0.1 (%(default)s)",
        )
        secret = parser.add_mutually_exclusive_group()
        secret.add_argument("--password", help="HTTP Basic password of all charge points")
        secret.add_argument(
            "--password-file", type=Path, help="a file with one password for all, or lines IDENTITY:PASSWORD"
        )
        parser.add_argument(
            "--speed", type=float, help="simulated seconds per real second (1; the scenario demo: 10)"
        )
        parser.add_argument(
            "--end-with-stdin",
            action="store_true",
            help="end when standard input does: for a program that starts this one with a pipe and may die",
        )
        parser.add_argument("--duration", type=float, help="real seconds to run (until Ctrl-C)")
        parser.add_argument(
            "--seed", type=int, default=FleetOptions.seed, help="of everything random (%(default)s)"
        )
        parser.add_argument(
            "--connectors",
            type=int,
            default=FleetOptions.connectors,
            help="of each; of 2.0.1: EVSEs (%(default)s)",
        )
        parser.add_argument(
            "--id-tags",
            default=",".join(ID_TAGS),
            help="tags that drivers carry, with commas between (%(default)s)",
        )

    def handle(self, *args: Any, **given: Any) -> None:
        if given["list"]:
            for name, scenario in SCENARIOS.items():
                self.stdout.write(f"{name:10} {scenario.description}")
            return
        password: str | None = given["password"]
        passwords: dict[str, str] = {}
        if given["password_file"] is not None:
            password, passwords = _read_passwords(given["password_file"], given["prefix"], given["count"])
        options = FleetOptions(
            count=given["count"],
            scenario=given["scenario"],
            url=given["url"],
            prefix=given["prefix"],
            password=password,
            passwords=passwords,
            speed=given["speed"],
            duration=given["duration"],
            seed=given["seed"],
            connectors=given["connectors"],
            ocpp=given["ocpp"],
            id_tags=tuple(tag.strip() for tag in given["id_tags"].split(",") if tag.strip()),
        )
        try:
            report = asyncio.run(_run_until_signal(options, given["end_with_stdin"]))
        except OptionError as error:
            raise CommandError(str(error)) from None
        print(report.summary(), file=sys.stderr)
        if report.gave_up is not None:
            raise CommandError(f"no charge point could connect: {report.gave_up}")
        if report.tally.crashes:
            raise CommandError(
                f"{len(report.tally.crashes)} simulated charge points broke: a fault of the simulator"
            )


async def _run_until_signal(options: FleetOptions, end_with_stdin: bool) -> FleetReport:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def come_home() -> None:
        stop.set()
        for number in SIGNALS:
            loop.remove_signal_handler(number)  # a second Ctrl-C ends it without manners

    def read_stdin() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    for number in SIGNALS:
        loop.add_signal_handler(number, come_home)
    if end_with_stdin:
        loop.add_reader(sys.stdin.fileno(), read_stdin)
    return await run_fleet(options, stop)


def _read_passwords(path: Path, prefix: str, count: int) -> tuple[str | None, dict[str, str]]:
    """One password for all, or one by identity: a line counts as the latter if it begins with an identity."""
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise CommandError(f"--password-file {path}: {error.strerror}") from None
    known = set(identities(prefix, max(0, min(count, MOST_CHARGERS))))
    pairs = [line.partition(":") for line in lines]
    own = {cp_id: secret for cp_id, _, secret in pairs if cp_id in known}
    common = [line for line, (cp_id, _, _) in zip(lines, pairs, strict=True) if cp_id not in known]
    if len(common) > 1:
        raise CommandError(f"--password-file {path}: give one password, or lines IDENTITY:PASSWORD")
    return (common[0] if common else None), own
