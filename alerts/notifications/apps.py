from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "alerts.notifications"
    label = "alert_notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Be told of alerts, and of channels that are told at other times."""
        from alerts.channels.services import RETIMED
        from alerts.notifications.planning import plan, replan
        from alerts.told import TOLD

        if plan not in TOLD:
            TOLD.append(plan)
        if replan not in RETIMED:
            RETIMED.append(replan)
