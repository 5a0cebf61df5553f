from django.apps import AppConfig


class BackendConfig(AppConfig):
    name = "transactions.backend"
    label = "backend"
    verbose_name = "Backend"
