from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "alerts.incidents"
    label = "alert_incidents"
    default_auto_field = "django.db.models.BigAutoField"
