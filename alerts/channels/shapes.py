"""What the API shows of channels and routes, and what it takes."""

from rest_framework import serializers

from alerts.channels import services
from alerts.channels.models import NAME_MAX, STATES, Kind
from csms.core.api_data import Body, Flag, Moment, Shape, Whole, Word

HOURS = "%H:%M"
SECRET = (
    "Secrets are shown by their last characters only; one that is absent or empty in a change stays as it is."
)


class ChannelShape(Shape):
    """Where alerts go, when, and how well that goes."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Kind.choices)
    name = serializers.CharField()
    config = serializers.DictField(source="shown_config", help_text=f"By the fields of its kind. {SECRET}")
    enabled = serializers.BooleanField()
    default = serializers.BooleanField(
        source="is_default",
        help_text="It is told of alerts whose rule names no channel. One channel is, once there is any.",
    )
    zone = serializers.CharField(help_text="IANA's name; empty: that of the house.")
    quiet_days = serializers.ListField(
        child=serializers.IntegerField(), help_text="On which its quiet hours begin, 0 = Monday."
    )
    quiet_from = serializers.TimeField(format=HOURS, allow_null=True)
    quiet_until = serializers.TimeField(format=HOURS, allow_null=True)
    critical_in_quiet = serializers.BooleanField()
    per_hour = serializers.IntegerField()
    digest_minutes = serializers.IntegerField()
    state = serializers.ChoiceField(
        STATES,
        help_text="`broken` after 3 failures in a row, or a refusal for good, until it takes a message; once a second "
        "message failed, only one at a time tries it.",
    )
    failures = serializers.IntegerField(
        help_text="Attempts that failed since the last success; a refusal for good counts as at least 3."
    )
    failing_since = Moment(allow_null=True)
    last_error = serializers.CharField(help_text="Of the last attempt that failed.")
    left_alone_until = Moment(source="probe_at", allow_null=True)
    last_sent_at = Moment(source="sent_at", allow_null=True)
    created_at = Moment()
    created_by = serializers.CharField()


class ChannelMadeShape(ChannelShape):
    """A channel, with the secrets that were made for it: they are shown this once."""

    made = serializers.DictField(
        child=serializers.CharField(), help_text="Such as the signing secret of a webhook."
    )


class ChannelFieldShape(Shape):
    """One value of a kind's configuration."""

    name = serializers.CharField()
    about = serializers.CharField()
    is_secret = serializers.BooleanField(source="secret")
    is_required = serializers.BooleanField(source="required")
    is_list = serializers.BooleanField(source="many", help_text="Of texts.")
    is_number = serializers.BooleanField(source="number")
    choices = serializers.ListField(child=serializers.CharField())


class ChannelKindShape(Shape):
    """A kind of channel, and what it must be given."""

    kind = serializers.ChoiceField(Kind.choices)
    title = serializers.CharField()
    fields_of_config = ChannelFieldShape(many=True)


class ChannelKindsShape(Shape):
    """All kinds."""

    results = ChannelKindShape(many=True)


class StepShape(Shape):
    """A channel that is told, and after how many minutes without acknowledgement."""

    channel_id = serializers.UUIDField()
    channel_name = serializers.CharField(source="channel.name")
    after_minutes = serializers.IntegerField(help_text="0: when the alert fires.")


class RouteShape(Shape):
    """Which channels are told of the alerts of a rule."""

    rule = serializers.CharField(help_text="Its `slug`.")
    steps = StepShape(many=True, help_text="Without one at 0 minutes the default channel is told at once.")


class RoutesShape(Shape):
    """The rules that name channels."""

    results = RouteShape(many=True)


# --- what is taken ----------------------------------------------------------------------------------------------------


class ChannelChanges(Body):
    """What may be changed of a channel."""

    name = Word(required=False, max_length=NAME_MAX, help_text="No other has it.")
    config = serializers.DictField(required=False, help_text=f"By the fields of its kind. {SECRET}")
    enabled = Flag(required=False)
    default = Flag(required=False, help_text="True: it is the default from now on, instead of another.")
    zone = Word(
        required=False, allow_blank=True, max_length=64, help_text="IANA's name, such as Europe/Zurich."
    )
    quiet_days = serializers.ListField(
        child=Whole(min_value=0, max_value=6),
        required=False,
        max_length=7,
        help_text="On which its quiet hours begin, 0 = Monday.",
    )
    quiet_from = serializers.TimeField(required=False, allow_null=True, input_formats=[HOURS], format=HOURS)
    quiet_until = serializers.TimeField(
        required=False,
        allow_null=True,
        input_formats=[HOURS],
        format=HOURS,
        help_text="On the next day, if it is earlier than `quiet_from`; never the same. Null for both: no quiet hours.",
    )
    critical_in_quiet = Flag(required=False, help_text="Critical alerts pass in quiet hours.")
    per_hour = Whole(
        required=False,
        min_value=0,
        max_value=services.PER_HOUR_MAX,
        help_text="Messages an hour beyond which what is not critical is gathered; 0: no bound.",
    )
    digest_minutes = Whole(
        required=False,
        min_value=0,
        max_value=services.DIGEST_MAX,
        help_text="What is not critical is gathered for so long; 0: it is told at once.",
    )


class NewChannel(ChannelChanges):
    """A channel to make."""

    kind = serializers.ChoiceField(Kind.choices)
    name = Word(max_length=NAME_MAX, help_text="No other has it.")
    config = serializers.DictField(help_text="By the fields of its kind.")


class StepBody(Body):
    """A channel to tell."""

    channel_id = serializers.UUIDField()
    after_minutes = Whole(default=0, min_value=0, max_value=services.AFTER_MAX)


class RouteBody(Body):
    """Which channels are told."""

    steps = StepBody(many=True, max_length=services.STEPS_MAX)  # type: ignore[call-arg]
