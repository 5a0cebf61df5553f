"""Run the whole system in this process: sockets, pages, API, worker and clock."""

import asyncio
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

import uvloop
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.utils import timezone

from csms.core.access.models import Role, User
from csms.core.config import Config, get_config, prepare_data_dir
from csms.core.data_dir import InUse, hold_alone
from csms.core.overrides.watching import WATCH
from csms.management.commands.prepare_demo import PREFIX, password_file
from csms.pruning import make_partitions
from csms.server import CannotListen, Companions, listen, serve

START_LOCK = 0x6373_6D73  # "csms": any number that nobody else uses as an advisory lock
START_LOOK = 0.2  # seconds


class Command(BaseCommand):
    help = "Migrate, make the first operator, and serve on CSMS_HOST:CSMS_PORT until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-migrate", action="store_true", help="leave the database's schema as it is")
        parser.add_argument("--demo", action="store_true", help="add a simulated fleet")
        parser.add_argument(
            "--demo-count", type=int, default=12, help="charge points of the demo (%(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        config = get_config()
        prepare_data_dir(config)
        try:
            if config.database_path is not None:  # SQLite serves one process
                hold_alone(config.database_path)
        except InUse as error:
            raise CommandError(str(error)) from error
        try:
            listener = listen(config)
        except CannotListen as error:
            raise CommandError(str(error)) from error
        companions = Companions()
        try:
            with alone_with_database():
                if not options["no_migrate"]:
                    call_command("migrate", interactive=False, verbosity=0)
                make_partitions(now=timezone.now())
                password = ensure_administrator(config)
                if options["demo"]:
                    self._prepare_demo(listener, options["demo_count"], companions)
        except DatabaseError as error:
            problem = " ".join(str(error).split()) or type(error).__name__
            where = config.database_path or "the database of DATABASE_URL"
            raise CommandError(f"cannot use {where}: {problem}") from error
        self._greet(config, listener, password)
        WATCH.start()
        connection.close()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve(config, listener, companions))
        finally:
            WATCH.stop()

    def _prepare_demo(self, listener: socket.socket, count: int, companions: Companions) -> None:
        call_command("prepare_demo", count=count, verbosity=0)
        host, port = _address(listener)
        companions.commands.append(
            [
                sys.argv[0],
                "simulate",
                f"--count={count}",
                "--scenario=demo",
                "--ocpp=both",
                f"--prefix={PREFIX}",
                f"--password-file={password_file(get_config())}",
                f"--url=ws://{host}:{port}/ocpp",
                "--end-with-stdin",
            ]
        )

    def _greet(self, config: Config, listener: socket.socket, password: str | None) -> None:
        host, port = _address(listener)
        base = f"{host}:{port}"
        database = str(config.database_path) if config.database_path else "PostgreSQL"
        lines = [
            f"console      http://{base}/",
            f"chargers     ws://{base}/ocpp/<identity>",
            f"API          http://{base}/api/v1/docs",
            f"metrics      http://{base}/metrics   health http://{base}/healthz, /readyz",
            f"database     {database}",
            f"data         {config.data_dir.absolute()}",
            f"worker       {'in this process' if config.embedded_worker_on else 'separate, by the broker'}",
        ]
        if password:
            lines += ["", f"sign in as   admin / {password}   (shown only now)"]
        self.stdout.write(
            "\ncsms is starting; Ctrl-C stops it\n\n" + "\n".join(f"  {line}" for line in lines) + "\n"
        )
        self.stdout.flush()


@contextmanager
def alone_with_database() -> Iterator[None]:
    """Let only one of several servers that start at once migrate and make the first operator; the others wait."""
    if connection.vendor != "postgresql":  # SQLite serves one process
        yield
        return
    # Asked for again and again: a statement that waits would keep waiting whoever builds an index concurrently.
    while not _locked():
        sleep(START_LOOK)
    # Freed by the end of the session too, so a server that dies here locks nobody out.
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [START_LOCK])


def _locked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [START_LOCK])
        return bool(cursor.fetchone()[0])


def _address(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return (f"[{host}]" if ":" in host else host), port


def ensure_administrator(config: Config) -> str | None:
    """Make the first operator `admin` if there is nobody yet; return a generated password, to be shown once."""
    if User.objects.exists():
        return None
    given = config.admin_password.get_secret_value()
    password = given or secrets.token_urlsafe(12)
    user = User(username="admin", role=Role.ADMINISTRATOR, is_staff=True, is_superuser=True)
    user.set_password(password)
    user.save()
    return None if given else password
