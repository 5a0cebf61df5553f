"""How the API shows jobs of either kind, and what was reported of them."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from chargers.api import charge_point_or_404
from chargers.jobs import Flag, State
from csms.core.api_data import Moment, Shape
from csms.core.paging import PageQuery


class StatusShape(Shape):
    """A status that a charge point reported of a job, and how often it repeated it."""

    status = serializers.CharField(help_text="The charge point's own word.")
    flag = serializers.ChoiceField(
        [("", "It counted"), *Flag.choices], help_text="Why it changed nothing; empty if it counted."
    )
    count = serializers.IntegerField(help_text="How often it came.")
    received_at = Moment(help_text="When it came first.")
    last_at = Moment(help_text="When it came last.")


class ReportShape(StatusShape):
    """A status that a charge point reported, whatever it belongs to."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    job_id = serializers.UUIDField(allow_null=True, help_text="Null when it belongs to no job.")
    request_id = serializers.IntegerField(allow_null=True, help_text="As it was reported.")


class JobShape(Shape):
    """A job: what was ordered, and how far it is."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    command_id = serializers.UUIDField(help_text="The order.")
    request_id = serializers.IntegerField(
        allow_null=True,
        help_text="Names it in the charge point's messages; null where OCPP has no such name.",
    )
    location = serializers.CharField(help_text="Passwords and tokens in it are masked.")
    retries = serializers.IntegerField(allow_null=True)
    retry_interval = serializers.IntegerField(allow_null=True, help_text="Seconds.")
    state = serializers.ChoiceField(
        State.choices,
        help_text="`succeeded` and `failed` are the charge point's own word; `lost`: nothing is heard of it.",
    )
    status = serializers.CharField(help_text="The charge point's newest word that counted.")
    status_at = Moment(allow_null=True)
    detail = serializers.CharField(help_text="Why it ended, where the status does not say so.")
    created_at = Moment()
    ended_at = Moment(allow_null=True)
    reports = StatusShape(many=True, help_text="Oldest first.")


class JobQuery(PageQuery):
    """Which jobs of a charge point are listed."""

    state = serializers.ChoiceField(State.choices, required=False)


class FleetJobQuery(JobQuery):
    """Which jobs are listed."""

    cp_id = serializers.CharField(
        required=False, help_text="Case does not matter; 404 for one that nobody knows."
    )


def wanted(rows: QuerySet[Any], asked: dict[str, Any]) -> QuerySet[Any]:
    """Return the rows that a query asks for. Raises 404 for an unknown charge point."""
    if "state" in asked:
        rows = rows.filter(state=asked["state"])
    if "cp_id" in asked:
        rows = rows.filter(charge_point=charge_point_or_404(asked["cp_id"]))
    return rows
