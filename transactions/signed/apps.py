from django.apps import AppConfig


class SignedConfig(AppConfig):
    name = "transactions.signed"
