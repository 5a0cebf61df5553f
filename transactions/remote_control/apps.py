from django.apps import AppConfig


class RemoteControlConfig(AppConfig):
    name = "transactions.remote_control"
