from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "alerts.channels"
    label = "alert_channels"  # Django Channels has the other
    default_auto_field = "django.db.models.BigAutoField"
