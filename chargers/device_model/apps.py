from django.apps import AppConfig


class DeviceModelConfig(AppConfig):
    name = "chargers.device_model"
