"""What the API shows of alerts."""

from rest_framework import serializers

from alerts.models import Alert, AlertEntry, Severity
from csms.core.api_data import Moment, Shape


class AlertShape(Shape):
    """Something that is or was wrong, with what, and since when."""

    id = serializers.UUIDField()
    rule = serializers.CharField(help_text="Its `slug` among the rules.")
    severity = serializers.ChoiceField(Severity.choices)
    state = serializers.ChoiceField(
        Alert.State.choices,
        help_text="`pending` until it has lasted as long as its rule says; if it ends before, it is gone.",
    )
    subject = serializers.CharField(help_text="What it is about; a rule has at most one open alert for it.")
    cp_id = serializers.CharField(source="charge_point.cp_id", allow_null=True)
    connector_id = serializers.IntegerField(
        source="connector_number", allow_null=True, help_text="0: the station itself."
    )
    evse_id = serializers.IntegerField(
        source="evse_number",
        allow_null=True,
        help_text="As OCPP 2.x numbers it; 0: the station itself. Null in 1.6.",
    )
    evse_connector_id = serializers.IntegerField(
        source="evse_connector", allow_null=True, help_text="Within its EVSE; 0: all of it. Null in 1.6."
    )
    text = serializers.CharField(
        help_text="For people, as it was when it began. A part of it may be the charge point's own words; hostile "
        "until proven otherwise."
    )
    began_at = Moment(help_text="Since when the condition holds.")
    fired_at = Moment(allow_null=True)
    acknowledged_at = Moment(allow_null=True)
    acknowledged_by = serializers.CharField(help_text="A person, or `token NAME`; empty for nobody.")
    resolved_at = Moment(allow_null=True, help_text="When it was seen to be over, or ended by hand.")
    resolved_by = serializers.CharField(help_text="Who ended it by hand; empty: its condition ended.")
    name = serializers.CharField(help_text="The name of its rule when it began.")
    labels = serializers.DictField(
        child=serializers.CharField(),
        help_text="What was known of its subject when it began: `cp_id`, `site`, `model`, `vendor`, `firmware`, "
        "`network` (the block of addresses), `process`, the charge point's own labels behind `label:`, and what its "
        "condition adds. Hostile until proven otherwise.",
    )
    assignee = serializers.CharField(help_text="Who is to look after it; empty for nobody.")
    times = serializers.IntegerField(
        min_value=1,
        help_text="How often its condition began: one that goes and comes again soon is one alert.",
    )
    holds_since = Moment(
        allow_null=True, help_text="When its condition began the last time; null: the first."
    )
    gone_since = Moment(
        allow_null=True,
        help_text="Since when its condition is away; it is over when that lasts `keep_seconds`.",
    )
    ends_at = Moment(allow_null=True, help_text="Of a happening: when it is over, if nothing ends it before.")
    inhibited_by = serializers.UUIDField(
        allow_null=True, help_text="The alert because of which nobody is told of this one."
    )
    silenced_by = serializers.UUIDField(
        allow_null=True, help_text="The silence because of which nobody is told of it."
    )
    incident_id = serializers.UUIDField(allow_null=True, help_text="The incident that it belongs to.")


class AlertEntryShape(Shape):
    """A line of a timeline."""

    at = Moment()
    what = serializers.ChoiceField(AlertEntry.What.choices)
    by = serializers.CharField(help_text="A person, or `token NAME`; empty for the clock.")
    note = serializers.CharField()


class AlertDetailsShape(AlertShape):
    """An alert, and what happened to it."""

    timeline = AlertEntryShape(many=True, help_text="Oldest first; empty while it is pending.")


class AlertFiguresRowShape(Shape):
    """Of the alerts of a rule and severity that fired in the window."""

    rule = serializers.CharField()
    severity = serializers.ChoiceField(Severity.choices)
    fired = serializers.IntegerField()
    acknowledged = serializers.IntegerField()
    resolved = serializers.IntegerField()
    mtta_seconds = serializers.FloatField(
        allow_null=True,
        help_text="The mean time from firing to somebody looking after it; of those acknowledged.",
    )
    mttr_seconds = serializers.FloatField(
        allow_null=True, help_text="The mean time from firing to the end; of those resolved."
    )
