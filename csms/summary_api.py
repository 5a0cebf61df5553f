"""The API's door to the summary of the whole network."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.models import Severity
from csms.core.api_data import Moment, Query, Shape
from csms.core.api_views import ApiView
from csms.core.rendering import written
from csms.core.time_zones import find_zone
from csms.summary import STATES, Summary, summary
from transactions.aggregate_api import check_zone


class SummaryQuery(Query):
    """Whose day it is."""

    time_zone = serializers.CharField(
        required=False,
        max_length=64,
        validators=[check_zone],
        help_text="Where today began at midnight, such as `Europe/Berlin`; by default `CSMS_TIME_ZONE`.",
    )


def _count(help_text: str = "") -> Any:
    return serializers.IntegerField(min_value=0, help_text=help_text)


class FleetShape(Shape):
    """Charge points that are neither retired nor rejected."""

    known = _count()
    online = _count("Connected now.")
    offline = _count()
    pending = _count("Waiting for approval; they are among the known.")
    charging = _count("Have a connector that reports Charging.")
    faulted = _count("Have a connector that is Faulted.")
    warning = _count("Have a connector with an error code that goes on all the same.")


class ConnectorCountsShape(Shape):
    """Connectors by the state that they reported last, stations themselves left out."""

    def get_fields(self) -> dict[str, Any]:
        """Return a field for each state."""
        return {
            **{state: _count() for state in STATES},
            "other": _count("None of OCPP's words, or none was reported yet."),
        }


class ActiveShape(Shape):
    """Transactions whose end was not reported."""

    active = _count()
    charging = _count("Neither superseded nor uncertain.")
    superseded = _count("Another started on the connector meanwhile.")
    uncertain = _count("Something says that they are over, though no end was reported.")
    power_w = serializers.FloatField(
        allow_null=True,
        help_text="Of those that charge, by readings of the last 15 minutes; null if there are none.",
    )


class SessionsSinceShape(Shape):
    """Sessions that started since a moment, and what they delivered so far."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        return {
            "from": Moment(source="moment"),
            "sessions": serializers.IntegerField(source="started"),
            "energy_wh": serializers.IntegerField(
                help_text="As it is to be billed, or by the newest reading."
            ),
        }


class LastDayShape(SessionsSinceShape):
    """The last 24 hours."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            **super().get_fields(),
            "orphans": _count("Transactions that became known in them, and only by their end."),
            "with_anomalies": _count("Transactions that became known in them, with something odd."),
            "refused_handshakes": _count(
                "Combinations of identity, address and reason that were refused in them."
            ),
        }


class AlertCountsShape(Shape):
    """Alerts by severity."""

    def get_fields(self) -> dict[str, Any]:
        """Return a field for each severity."""
        return {severity: _count() for severity in Severity.values}


class OpenAlertsShape(Shape):
    """Alerts that are not resolved."""

    firing = _count("Nobody has acknowledged them.")
    acknowledged = _count()
    pending = _count("Have not lasted for as long as their rules say.")
    by_severity = AlertCountsShape(help_text="Of the firing ones.")
    evaluated_at = Moment(
        allow_null=True, help_text="When the conditions were last looked at; null if they never were."
    )


class ServerShape(Shape):
    """A server process."""

    host = serializers.CharField()
    pid = serializers.IntegerField()
    started_at = Moment()
    seen_at = Moment(help_text="When it last renewed its lease.")
    connections = serializers.IntegerField(help_text="Charge points that it holds.")


class SummaryShape(Shape):
    """The network at one moment."""

    at = Moment()
    time_zone = serializers.CharField(help_text="Of today.")
    charge_points = FleetShape()
    connectors = ConnectorCountsShape()
    transactions = ActiveShape()
    today = SessionsSinceShape()
    last_24_hours = LastDayShape()
    alerts = OpenAlertsShape()
    open_commands = _count("Queued or sent, and not answered yet.")
    servers = ServerShape(many=True)


def shown(found: Summary, zone: str) -> dict[str, Any]:
    """Return the summary as the API shows it."""
    today, last = found.transactions.since
    return {
        "at": found.at,
        "time_zone": zone,
        "charge_points": found.charge_points,
        "connectors": found.connectors,
        "transactions": found.transactions,
        "today": today,
        "last_24_hours": {
            "moment": last.moment,
            "started": last.started,
            "energy_wh": last.energy_wh,
            "orphans": found.orphans,
            "with_anomalies": found.odd,
            "refused_handshakes": found.refused_handshakes,
        },
        "alerts": found.alerts,
        "open_commands": found.open_commands,
        "servers": [
            {
                "host": process.host,
                "pid": process.pid,
                "started_at": process.started_at,
                "seen_at": process.seen_at,
                "connections": process.connected,  # type: ignore[attr-defined]
            }
            for process in found.processes
        ],
    }


class NetworkSummary(ApiView):
    """The whole network at a glance."""

    chapter = "Summary"
    query = SummaryQuery

    @extend_schema(
        operation_id="get_summary",
        summary="Sum up the network",
        description="As it is now: counted when it is asked for, never kept.",
        responses={200: SummaryShape},
    )
    def get(self, request: Request) -> Response:
        """Sum up."""
        key = self.asked.get("time_zone", settings.TIME_ZONE)
        [made] = written(SummaryShape, [shown(summary(now=timezone.now(), zone=find_zone(key)), key)])
        return Response(made)
