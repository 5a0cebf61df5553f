from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RulesConfig(AppConfig):
    name = "alerts.rules"
    label = "alert_rules"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from alerts.rules.services import ensure_starters_after_migrations

        # A migration would be too early: what a condition takes is code, and changes without one.
        post_migrate.connect(ensure_starters_after_migrations, sender=self)
