from django.apps import AppConfig


class SecurityEventsConfig(AppConfig):
    name = "chargers.security_events"
