from django.apps import AppConfig


class ChargingProfilesConfig(AppConfig):
    name = "transactions.charging_profiles"
