from django.apps import AppConfig


class ExternalConfig(AppConfig):
    name = "alerts.external"
    label = "alerts_external"
