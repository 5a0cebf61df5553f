from django.apps import AppConfig


class AvailabilityConfig(AppConfig):
    name = "chargers.availability"
