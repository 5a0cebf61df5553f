"""Register what the simulated fleet of the demo needs; `serve --demo` calls it."""

import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import check_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from chargers.models import Registration
from chargers.services import (
    canonical_password,
    find_charge_point,
    register_charge_point,
    set_password,
    set_registration,
)
from chargers.simulator.fleet import ID_TAGS, MOST_CHARGERS, identities
from csms.core.config import Config, get_config
from transactions.authorization import find_id_token
from transactions.tokens import add_id_token

PREFIX = "DEMO"


class Command(BaseCommand):
    help = (
        "Register the charge points and id tokens of the demo; `serve --demo` does this and runs the fleet."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, default=12, help="charge points (%(default)s)")

    def handle(self, *args: Any, count: int, verbosity: int, **options: Any) -> None:
        if not 1 <= count <= MOST_CHARGERS:
            raise CommandError(f"the demo has 1 to {MOST_CHARGERS} charge points, not {count}")
        password = _kept_password(password_file(get_config()))
        with transaction.atomic():
            for cp_id in identities(PREFIX, count):
                _prepare_charge_point(cp_id, password)
            for id_token in ID_TAGS:
                if find_id_token(id_token) is None:
                    add_id_token(id_token, now=timezone.now(), label="simulated driver")
        if verbosity:
            self.stdout.write(f"{count} charge points and {len(ID_TAGS)} id tokens are ready for the demo.")


def password_file(config: Config) -> Path:
    """Where the password of the demo's charge points is kept: they sign in as real ones do."""
    return config.data_dir / "demo_password"


def _kept_password(path: Path) -> str:
    try:
        password = path.read_text().strip() if path.exists() else ""
        if not password:
            password = secrets.token_hex(20)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(password)
    except OSError as error:
        raise CommandError(f"{path} cannot be used ({error.strerror}); remove it") from error
    return password


def _prepare_charge_point(cp_id: str, password: str) -> None:
    """Make a charge point of the demo what it is at the beginning; a retired one stays retired."""
    charge_point = find_charge_point(cp_id)
    if charge_point is None:
        register_charge_point(cp_id, now=timezone.now(), name="simulated", password=password)
        return
    set_registration(charge_point, Registration.ACCEPTED, now=timezone.now())
    if not check_password(canonical_password(password.encode()), charge_point.password_hash):
        set_password(charge_point, password, by="manage.py prepare_demo", now=timezone.now())
