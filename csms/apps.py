"""The roof as a Django app: the commands that run the whole house, and the check of its settings."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created

from csms.core.config import unknown_settings
from csms.core.postgres import read_moments


def check_setting_names(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Warn, with every command that checks, of a misspelt setting: it leaves its default in force."""
    return [checks.Warning(line, id="csms.W001") for line in unknown_settings()]


class CsmsConfig(AppConfig):
    name = "csms"
    label = "csms"

    def ready(self) -> None:
        import csms.celery  # noqa: F401 - shared tasks find their application, in every process

        checks.register(check_setting_names)
        connection_created.connect(read_moments)
