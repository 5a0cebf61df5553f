from django.apps import AppConfig


class SilencesConfig(AppConfig):
    name = "alerts.silences"
    label = "alert_silences"
    default_auto_field = "django.db.models.BigAutoField"
