from django.apps import AppConfig


class LocalListsConfig(AppConfig):
    name = "transactions.local_lists"
