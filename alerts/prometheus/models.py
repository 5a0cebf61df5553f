"""The rules that the house writes for Prometheus. They are the truth; the file that it reads is made from them."""

from django.db import models

from alerts.models import Severity
from csms.core.ids import uuid7

NAME_MAX = 100
EXPRESSION_MAX = 2000
SUMMARY_MAX = 300
DESCRIPTION_MAX = 2000


class PrometheusRule(models.Model):
    """One alerting rule of the group `console-managed`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=NAME_MAX, unique=True, help_text="the label `alertname`")
    expression = models.CharField(
        max_length=EXPRESSION_MAX, help_text="PromQL; each series it returns is an alert"
    )
    lasting_seconds = models.PositiveIntegerField(help_text="how long it must hold before it fires (`for`)")
    keep_seconds = models.PositiveIntegerField(
        help_text="how long it fires on when it no longer holds (`keep_firing_for`)"
    )
    severity = models.CharField(max_length=8, choices=Severity.choices)
    summary = models.CharField(max_length=SUMMARY_MAX, blank=True)
    description = models.CharField(max_length=DESCRIPTION_MAX, blank=True)
    labels = models.JSONField(default=dict, help_text="further labels: name -> value")
    enabled = models.BooleanField(help_text="whether it is in the file")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=255)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=255)

    def __str__(self) -> str:
        return self.name
