"""What the API says of charge points, and what may be said of them to it."""

from rest_framework import serializers

from chargers import services
from chargers.labels import LABELS_RULE, LabelFilter, LabelsField
from chargers.models import ChargePoint, Provisioning, Registration
from chargers.protocol.versions import MAX_IDENTITY, Version
from csms.core.api_data import Body, Flag, Moment, Shape, Whole, Word
from csms.core.paging import PageQuery

SORTED_BY = (
    "name",
    "site",
    "registration",
    "protocol",
    "vendor",
    "model",
    "firmware_version",
    "last_seen_at",
    "booted_at",
    "created_at",
)
SITE_MAX = ChargePoint._meta.get_field("site").max_length


class ConnectorShape(Shape):
    """The last known state of a connector. Texts are as the charge point wrote them."""

    connector_id = serializers.IntegerField(source="number", help_text="0 is the charge point itself.")
    evse_id = serializers.IntegerField(
        source="evse_number", help_text="Of its EVSE, as OCPP 2.x numbers it; 0 is the charge point itself."
    )
    evse_connector_id = serializers.IntegerField(
        source="evse_connector", help_text="Within its EVSE, from 1; 0 is the charge point itself."
    )
    connector_type = serializers.CharField(
        help_text="In the words of OCPP 2.x, such as `cCCS2`; empty while unknown."
    )
    label = serializers.CharField(help_text="For people.")  # type: ignore[assignment]  # DRF takes it out of the class
    status = serializers.CharField(
        help_text="In OCPP 1.6 a ChargePointStatus, such as `Charging`; in OCPP 2.x that word by what is reported and "
        "what a transaction tells."
    )
    reported = serializers.CharField(help_text="The status as it was reported.")
    error_code = serializers.CharField(help_text="`NoError` when all is well.")
    info = serializers.CharField()
    vendor_id = serializers.CharField()
    vendor_error_code = serializers.CharField()
    status_at = Moment(allow_null=True, help_text="By the charge point's clock, if believable.")
    received_at = Moment(allow_null=True, help_text="By our clock.")


class ChargePointShape(Shape):
    """A charge point."""

    cp_id = serializers.CharField(help_text="Its identity: the last segment of its WebSocket URL.")
    name = serializers.CharField(help_text="For people.")
    site = serializers.CharField(help_text="Where it stands; empty when nobody said.")
    labels = serializers.DictField(
        child=serializers.CharField(), help_text="What people and programs noted: name -> value."
    )
    registration = serializers.ChoiceField(
        Registration.choices, help_text="Whether the network serves it; only `accepted` ones may charge."
    )
    provisioning = serializers.ChoiceField(
        Provisioning.choices,
        allow_blank=True,
        help_text="OCPP 2.x: whether it is set up before it is accepted; while it is `running`, its boots are "
        "answered Pending.",
    )
    certificate_ended = serializers.BooleanField(
        help_text="OCPP 2.x: whether it last connected with a client certificate that had ended and was let in to have "
        "it renewed; until it has come with another, its boots are answered Pending."
    )
    retired_at = Moment(allow_null=True, help_text="When it was taken out of service for good.")
    has_password = serializers.BooleanField(source="password_hash", help_text="Must it sign in?")
    security_profile = serializers.IntegerField(
        help_text="The highest OCPP security profile that it connected with, and the lowest that it may use since: "
        "1 password, 2 password over TLS, 3 client certificate; 0 = any."
    )
    online = serializers.BooleanField(help_text="Whether it is connected now.")
    connected_at = Moment(allow_null=True, help_text="Since when it is connected; null while offline.")
    last_seen_at = Moment(
        allow_null=True, help_text="When it was last heard; up to 20 s behind while it is online."
    )
    protocol = serializers.CharField(
        help_text="The subprotocol of its newest connection, such as `ocpp1.6`; empty before the first."
    )
    faulted = serializers.BooleanField(help_text="Whether a connector is Faulted or has an error code.")
    vendor = serializers.CharField(help_text="This and what follows: by its last BootNotification.")
    model = serializers.CharField()
    serial_number = serializers.CharField()
    firmware_version = serializers.CharField()
    iccid = serializers.CharField()
    imsi = serializers.CharField()
    meter_type = serializers.CharField()
    meter_serial_number = serializers.CharField()
    booted_at = Moment(allow_null=True, help_text="When it last booted while accepted.")
    boot_reason = serializers.CharField(
        help_text="Why it booted last, in the words of OCPP 2.x such as `PowerUp`; empty in OCPP 1.6."
    )
    clock_skew_seconds = serializers.IntegerField(
        allow_null=True,
        help_text="By how much its clock is ahead, by the times in its live messages; negative when it is behind, "
        "null while that is not known.",
    )
    clock_measured_at = Moment(allow_null=True)
    clock_is_off = serializers.BooleanField(help_text="Whether it is off by more than 5 minutes.")
    created_at = Moment(help_text="When it became known.")
    connectors = ConnectorShape(many=True)


class ChargePointConditions(Shape):
    """What charge points are chosen by, wherever some of them are: see `selectors.charge_points_where()`."""

    online = Flag(required=False, help_text="Connected now, or not.")
    registration = serializers.ChoiceField(Registration.choices, required=False)
    status = Word(
        required=False, max_length=64, help_text="Has a connector in this status, such as `Faulted`."
    )
    faulted = Flag(
        required=False, help_text="Has a connector that is Faulted or has an error code, or has none such."
    )
    vendor = Word(required=False, help_text="Whole; case does not matter.")
    model = Word(required=False, help_text="Whole; case does not matter.")
    firmware_version = Word(required=False, help_text="Whole; case does not matter.")
    protocol = serializers.ChoiceField(
        [version.value for version in Version],
        required=False,
        help_text="The subprotocol of its newest connection.",
    )
    site = Word(required=False, help_text="Whole; case does not matter.")
    label = LabelFilter(  # type: ignore[assignment]  # DRF takes it out of the class
        required=False, help_text="As `name:value`, or the name alone for any value; whole, case matters."
    )
    q = Word(required=False, help_text="Text in the identity, name, site, vendor, model or serial number.")


class ChargePointQuery(ChargePointConditions, PageQuery):
    """Which charge points are listed, and in which order."""

    sortable = {name: (name, "pk") for name in SORTED_BY} | {"cp_id": ("cp_id",)}

    site = Word(
        required=False,
        allow_blank=True,
        help_text="Whole; case does not matter. Empty for those without one.",
    )
    retired = Flag(default=False, help_text="Those that were retired instead of those in service.")


class NewChargePoint(Body):
    """A charge point to register."""

    cp_id = Word(max_length=MAX_IDENTITY, help_text="Printable, without colon and slash.")
    name = Word(required=False, allow_blank=True, max_length=100, help_text="For people.")
    site = Word(required=False, allow_blank=True, max_length=SITE_MAX, help_text="Where it stands.")
    labels = LabelsField(required=False, help_text=f"{LABELS_RULE}")
    password = Word(
        required=False,
        trim_whitespace=False,
        min_length=services.PASSWORD_MIN,
        max_length=services.PASSWORD_MAX,
        help_text=f"At most {services.PASSWORD_MAX} bytes in UTF-8; without one it need not sign in.",
    )


class ChargePointChanges(Body):
    """What may be changed of a charge point."""

    name = Word(required=False, allow_blank=True, max_length=100, help_text="For people.")
    site = Word(required=False, allow_blank=True, max_length=SITE_MAX, help_text="Where it stands.")
    labels = LabelsField(required=False, help_text=f"{LABELS_RULE} They take the place of all that it had.")
    security_profile = Whole(
        required=False,
        min_value=0,
        max_value=3,
        help_text="Lower it for a charge point that was exchanged or reset; it rises by itself.",
    )
