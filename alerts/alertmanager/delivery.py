"""Brings the channels to Alertmanager."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import yaml

from alerts.alertmanager.checking import check_config
from alerts.alertmanager.managed import CHANNELS, ManagedChannel, Written, written
from alerts.external.client import ask
from alerts.external.files import secrets_folder
from alerts.external.keeping import Kept, Wanted, keep, standing
from alerts.external.reading import as_told
from alerts.external.services import reach, set_address
from csms.core.config import get_config

SERVER, TITLE = "alertmanager", "Alertmanager"


def managed_channels() -> list[ManagedChannel] | None:
    """Return the channels that are to be written; None while nobody tells them."""
    return [channel for tell in CHANNELS for channel in tell()] if CHANNELS else None


def configuration(channels: Sequence[ManagedChannel]) -> Written:
    """Return the configuration, as the Alertmanager of which is known here can read it."""
    folder = secrets_folder(get_config().effective_alertmanager_config_file)
    return written(channels, secrets_folder=folder, version=reach(SERVER).version)


def wanted(channels: Sequence[ManagedChannel]) -> Wanted:
    """Return what the file shall be, and its secrets."""
    made = configuration(channels)
    path = get_config().effective_alertmanager_config_file

    def seen() -> str:
        with as_told(TITLE):
            loaded = yaml.safe_load(ask(set_address(SERVER), "/api/v2/status")["config"]["original"])
            names = [receiver["name"] for receiver in loaded["receivers"]]
        if names == [receiver["name"] for receiver in yaml.safe_load(made.text)["receivers"]]:
            return ""
        return f"Alertmanager was reloaded and has other receivers: start it with --config.file={path}."

    return Wanted(path, made.text, check_config, seen, mode=0o600, secrets=made.secrets)


def deliver(*, reachable: bool, now: datetime) -> bool:
    """Bring the configuration in step, if it is not; return whether anything was done. Idempotent."""
    channels = managed_channels()
    if channels is None:
        return False
    return keep(SERVER, wanted(channels), reachable=reachable, now=now)


def delivery() -> tuple[Kept, dict[str, Any]]:
    """Return how the file stands, and the channels that it leaves out, with the reason."""
    channels = managed_channels()
    if channels is None:
        return standing(SERVER, None), {}
    return standing(SERVER, wanted(channels)), configuration(channels).left_out
