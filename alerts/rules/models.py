"""Rules, and the shipped ones that a person removed."""

from typing import Any

from django.db import models

from alerts.models import Severity
from csms.core.ids import uuid7

SLUG_MAX, NAME_MAX, TEXT_MAX = 64, 100, 1000


class Group(models.TextChoices):
    """By what alerts of a rule are told together."""

    RULE = "rule", "The rule"
    SITE = "site", "The site"
    MODEL = "model", "The model"
    FIRMWARE = "firmware", "The firmware"
    CHARGE_POINT = "charge_point", "The charge point"


def no_words() -> list[Any]:
    """Return an empty list."""
    return []


class Rule(models.Model):
    """When something is an alert: a condition or happening, of whom, for how long, and how bad it is."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=SLUG_MAX, unique=True, help_text="as alerts and events name it")
    name = models.CharField(max_length=NAME_MAX, help_text="for people")
    description = models.TextField(blank=True, help_text="for people: when it is an alert")
    advice = models.TextField(blank=True, help_text="for who is told: what to do")
    about = models.CharField(max_length=64, help_text="its name among the conditions and happenings")
    params: Any = models.JSONField(default=dict, help_text="its figures; what is absent is the default")
    severity = models.CharField(max_length=8, choices=Severity.choices)
    lasting_seconds = models.PositiveIntegerField(
        default=0, help_text="how long a condition must hold before it fires; of a happening nothing"
    )
    keep_seconds = models.PositiveIntegerField(
        default=0, help_text="how long the condition must be away before the alert ends; 0 = not at all"
    )
    scope: Any = models.JSONField(default=dict, help_text="cp_ids, sites, models, labels; empty = all")
    group_by: Any = models.JSONField(default=no_words, help_text="words of Group")
    inhibits: Any = models.JSONField(
        default=no_words, help_text="rules whose alerts are quiet meanwhile: rule, and in what they are equal"
    )
    enabled = models.BooleanField(default=True)
    starter = models.CharField(max_length=SLUG_MAX, blank=True, help_text="the shipped one it comes from")
    by = models.CharField(max_length=150, blank=True, help_text="who wrote it last; empty: it is as shipped")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["starter"], name="rule_starter_once", condition=~models.Q(starter="")
            )
        ]

    def __str__(self) -> str:
        return self.slug


class RemovedStarter(models.Model):
    """A shipped rule that a person removed: it does not come back by itself."""

    starter = models.CharField(max_length=SLUG_MAX, primary_key=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.starter
