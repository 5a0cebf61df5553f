from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "csms.core.webhooks"
    label = "webhooks"
