from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "alerts.notifications"
    label = "alert_notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Be told of alerts."""
        from alerts.notifications.planning import plan
        from alerts.told import TOLD

        if plan not in TOLD:
            TOLD.append(plan)
