from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "csms.core.events"
    label = "events"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let /metrics tell of the outbox."""
        from csms.core.events import metrics  # it reads models, which are there only now

        metrics.register()
