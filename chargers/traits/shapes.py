"""How the API reads and writes traits; the meaning of each stands in `values.Traits`."""

from typing import Any, get_args

from rest_framework import serializers

from chargers.protocol.versions import MAX_IDENTITY
from chargers.traits.values import (
    ExpiredCertificate,
    Leniency,
    ProfileUnit,
    Provisioning,
    ServedVersion,
    Supply,
    TokenRule,
)
from csms.core.api_data import Body, Flag, Moment, Shape, Whole, Word

SERVED = [str(word) for word in get_args(ServedVersion)]


class TraitsBody(Body):
    """Traits; one that is absent is as the model, or else the default, says."""

    leniency = serializers.ChoiceField(
        get_args(Leniency), required=False, help_text="Is what breaks its schema repaired, or refused?"
    )
    token_rule = serializers.ChoiceField(
        get_args(TokenRule),
        required=False,
        help_text="Which part of an id token means the driver; empty = all of it.",
    )
    energy_factor = serializers.DecimalField(
        12,
        6,
        required=False,
        normalize_output=True,
        help_text="Its energy and power figures are multiplied with it.",
    )
    connector_max_kw = Whole(
        required=False,
        min_value=0,
        max_value=10_000,
        help_text="The most that a connector of it can give; a register that rises faster is not believed. "
        "0 = as the settings say.",
    )
    supply = serializers.ChoiceField(
        get_args(Supply),
        required=False,
        help_text="The current that it gives; empty = as its configuration and readings tell.",
    )
    call_timeout = Whole(
        required=False,
        min_value=0,
        max_value=3600,
        help_text="Seconds that it may take for an answer; 0 = as the settings say.",
    )
    upload_url_max = Whole(
        required=False,
        min_value=0,
        max_value=2000,
        help_text="Characters that a URL in an order to it may have; 0 = any number.",
    )
    profile_unit = serializers.ChoiceField(
        get_args(ProfileUnit), required=False, help_text="The only unit of charging profiles that it takes."
    )
    max_stack_level = Whole(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=1000,
        help_text="The highest stack level that it really takes; null = as it says itself.",
    )
    autostart_token = Word(
        required=False,
        allow_blank=True,
        max_length=255,
        help_text="The id token to start with whenever a car is plugged in; empty = nothing is started.",
    )
    restart_pause = Whole(
        required=False,
        min_value=0,
        max_value=3600,
        help_text="Seconds that it needs after a transaction before it can be started again.",
    )
    naive_time_zone = Word(
        required=False,
        allow_blank=True,
        max_length=64,
        help_text="Where its times without a zone are: `+02:00` or `Europe/Berlin`; empty = UTC.",
    )
    default_version = serializers.ChoiceField(
        SERVED, required=False, help_text="What it speaks when it offers no subprotocol."
    )
    only_version = serializers.ChoiceField(
        SERVED, required=False, help_text="The only version that is spoken with it."
    )
    compression = Flag(required=False, help_text="May messages go compressed, where it offers that?")
    provisioning = serializers.ChoiceField(
        get_args(Provisioning),
        required=False,
        help_text="Is it read and set up `before` it is accepted, or `after`? Empty = as the settings say.",
    )
    expired_certificate = serializers.ChoiceField(
        get_args(ExpiredCertificate),
        required=False,
        help_text="What becomes of a client certificate that has ended: `refuse`, or, in OCPP 2.x, `renew` it at once. "
        "The proxy must let it in and say when it ends, see `CSMS_CLIENT_CERTIFICATE_END_HEADER`.",
    )

    def to_representation(self, instance: Any) -> Any:
        """Write what was said; null is a word, too."""
        written = super().to_representation(instance)
        return {name: value for name, value in written.items() if name in instance}


class ChargePointTraitsBody(Body):
    """What is peculiar to a charge point."""

    traits = TraitsBody()
    note = Word(required=False, allow_blank=True, max_length=1000, help_text="Why, for people.")


PATTERN = "`*` stands for any text, `?` for one character; case does not matter."


class ModelTraitsBody(ChargePointTraitsBody):
    """What is peculiar to a model."""

    vendor = Word(max_length=100, help_text=PATTERN)
    model = Word(required=False, max_length=100, help_text=f"`*` by default. {PATTERN}")
    firmware = Word(required=False, max_length=100, help_text=f"`*` by default. {PATTERN}")


class ChargePointTraitsShape(Shape):
    """The traits of a charge point."""

    cp_id = serializers.CharField()
    traits = TraitsBody(help_text="What was said of it alone.")
    note = serializers.CharField(help_text="Why, for people.")
    changed_at = Moment(allow_null=True, help_text="Null while nothing was said of it alone.")
    in_force = TraitsBody(help_text="All traits: its own before those of its model before the defaults.")


class ModelTraitsShape(Shape):
    """The traits of a model."""

    id = serializers.IntegerField()
    vendor = serializers.CharField()
    model = serializers.CharField()
    firmware = serializers.CharField()
    traits = TraitsBody()
    note = serializers.CharField()
    changed_at = Moment()


class AliasBody(Body):
    """Another identity."""

    identity = Word(max_length=MAX_IDENTITY, help_text="Printable, without colon and slash.")


class AliasShape(Shape):
    """Another identity under which a charge point connects."""

    identity = serializers.CharField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    created_at = Moment()


class DeviationShape(Shape):
    """One kind of deviation from the standard, of one make."""

    vendor = serializers.CharField(
        help_text="This and the next two: by the last boot, cut to 100 characters."
    )
    model = serializers.CharField()
    firmware = serializers.CharField()
    action = serializers.CharField(help_text="Empty for a frame that names none.")
    field = serializers.CharField(help_text="Empty for what concerns the whole frame.")
    rule = serializers.CharField(help_text="What was found; `…` stands for the charge points' own values.")
    verdict = serializers.CharField(help_text="What was done: `deviant` = read all the same.")
    count = serializers.IntegerField()
    first_at = Moment()
    last_at = Moment()
    cp_id = serializers.CharField(source="last_cp_id", help_text="Of the last one.")
    frame_id = serializers.UUIDField(source="last_frame_id", help_text="Of the last one, while it is kept.")
