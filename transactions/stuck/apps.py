from django.apps import AppConfig


class StuckConfig(AppConfig):
    name = "transactions.stuck"
    label = "stuck"
    default_auto_field = "django.db.models.BigAutoField"
