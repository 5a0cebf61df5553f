from django.apps import AppConfig


class ConfigurationConfig(AppConfig):
    name = "chargers.configuration"
