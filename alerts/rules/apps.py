from django.apps import AppConfig


class RulesConfig(AppConfig):
    name = "alerts.rules"
    label = "alert_rules"
    default_auto_field = "django.db.models.BigAutoField"
