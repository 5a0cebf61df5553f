from django.apps import AppConfig


class PrometheusConfig(AppConfig):
    name = "alerts.prometheus"
    label = "alerts_prometheus"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the clock keep the file of the rules, and that of Alertmanager."""
        from alerts.alertmanager import delivery as alertmanager
        from alerts.external.tasks import KEPT
        from alerts.prometheus import delivery as prometheus

        KEPT.update(prometheus=prometheus.deliver, alertmanager=alertmanager.deliver)
