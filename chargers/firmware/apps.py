from django.apps import AppConfig


class FirmwareConfig(AppConfig):
    name = "chargers.firmware"
