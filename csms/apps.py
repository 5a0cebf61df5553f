"""The roof as a Django app: the commands that run the whole house, and the check of its settings."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core import checks
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils import timezone
from prometheus_client import REGISTRY, Gauge, disable_created_metrics
from prometheus_client.registry import Collector

from csms import __version__
from csms.core.config import unknown_settings
from csms.core.postgres import read_moments

BUILD = Gauge("csms_build_info", "1, with the version of the program that this process runs.", ["version"])
BUILD.labels(__version__).set(1)

FIGURES_OF_ROWS: list[Collector] = []
"""What /metrics makes of rows when it is asked: the same at every server."""


def check_setting_names(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Warn, with every command that checks, of a misspelt setting: it leaves its default in force."""
    return [checks.Warning(line, id="csms.W001") for line in unknown_settings()]


def make_first_partitions(**kwargs: Any) -> None:
    """Let no server begin without the partitions of now and next."""
    from csms.pruning import make_partitions

    make_partitions(now=timezone.now(), most_ahead=1)


class CsmsConfig(AppConfig):
    name = "csms"
    label = "csms"

    def ready(self) -> None:
        import csms.celery  # noqa: F401 - shared tasks find their application, in every process
        from csms.core.events.metrics import EventMetrics, QueueMetrics
        from csms.core.webhooks import figures as webhooks
        from csms.fleet_metrics import FleetCollector
        from csms.retention_metrics import RetentionCollector
        from transactions.backend import selectors as sessions

        checks.register(check_setting_names)
        # When each series began: twice the page, for what nobody asks.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        connection_created.connect(read_moments)
        figures: list[Collector] = [
            EventMetrics(),
            QueueMetrics("csms_webhooks", "Deliveries to webhooks", webhooks.unsettled),
            QueueMetrics("csms_backend_sessions", "Tellings of sessions to the backend", sessions.unsettled),
            RetentionCollector(),
            FleetCollector(),
        ]
        FIGURES_OF_ROWS.extend(figures)
        for each in figures:
            REGISTRY.register(each)
        # Once, not for each app; those without models, such as this one, send nothing.
        post_migrate.connect(make_first_partitions, sender=apps.get_app_config("transactions"))
