from django.apps import AppConfig


class PrometheusConfig(AppConfig):
    name = "alerts.prometheus"
    label = "alerts_prometheus"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the clock keep the file of the rules, and that of Alertmanager with our channels."""
        from alerts.alertmanager import delivery as alertmanager
        from alerts.alertmanager.managed import CHANNELS
        from alerts.alertmanager.ours import our_channels
        from alerts.external.tasks import KEPT
        from alerts.prometheus import delivery as prometheus

        if our_channels not in CHANNELS:
            CHANNELS.append(our_channels)
        KEPT.update(prometheus=prometheus.deliver, alertmanager=alertmanager.deliver)
