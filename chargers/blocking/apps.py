from django.apps import AppConfig


class BlockingConfig(AppConfig):
    name = "chargers.blocking"
