"""The API's door to network profiles: what slots were told to hold, and moves to other security profiles."""

from uuid import UUID

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.commands.sending_api import author_of
from chargers.network import selectors, services
from chargers.network.catalogue import SetNetworkProfile
from chargers.network.models import NetworkProfile, ProfileChange
from csms.core.api_data import Body, Flag, Moment, Shape, Whole, Word, read_body
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made, paged
from csms.core.paging import PageQuery

CHAPTER = "Network profiles"
SLOT_MAX = 2**31 - 1
INTERFACES = SetNetworkProfile.model_json_schema()["properties"]["interface"]["enum"]


# --- shapes -----------------------------------------------------------------------------------------------------------


class NetworkProfileShape(Shape):
    """What a slot of a charge point was told to hold; the newest `accepted` one of a slot is what it holds."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    slot = serializers.IntegerField()
    in_use = serializers.BooleanField(
        allow_null=True,
        help_text="Whether the charge point uses this slot, as far as it has reported that; null while unknown.",
    )
    url = serializers.CharField(help_text="Of the central system, without the identity.")
    security_profile = serializers.IntegerField()
    interface = serializers.CharField(help_text="In OCPP's words, such as Wired0.")
    message_timeout = serializers.IntegerField(help_text="Seconds.")
    ocpp_version = serializers.CharField(help_text="In OCPP's words: OCPP20 also means 2.0.1.")
    way = serializers.DictField(
        help_text="What was told of APN and VPN, by the command's names, without secrets."
    )
    state = serializers.ChoiceField(NetworkProfile.State.choices)
    reason = serializers.CharField(help_text="Why it was not taken, as far as is known.")
    command = serializers.UUIDField(source="command_id", help_text="The command that told it.")
    by = serializers.CharField()
    told_at = Moment()
    settled_at = Moment(allow_null=True)


class ProfileChangeShape(Shape):
    """The move of a charge point to another security profile: a slot is written, put first, and it is reset."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    before = serializers.IntegerField(help_text="The security profile that it had proven.")
    security_profile = serializers.IntegerField(source="wanted", help_text="The one that it is moved to.")
    slot = serializers.IntegerField()
    state = serializers.ChoiceField(
        ProfileChange.State.choices,
        help_text="`done`, `went_back`, `lost`, `failed` and `cancelled` are final, but for a late return with the new "
        "profile.",
    )
    problem = serializers.CharField(help_text="Why it failed or went back.")
    command = serializers.UUIDField(
        source="command_id", help_text="The command of the present step, or the last one."
    )
    by = serializers.CharField()
    started_at = Moment()
    due_at = Moment(help_text="When it is no longer waited for.")
    finished_at = Moment(allow_null=True)


class NetworkProfileQuery(PageQuery):
    """Which network profiles are listed."""

    slot = Whole(required=False, min_value=0, max_value=SLOT_MAX)


class NewProfileChange(Body):
    """Where a charge point is to go."""

    security_profile = Whole(min_value=1, max_value=3)
    url = Word(
        max_length=512,
        help_text="Of the central system, without the identity: ws:// for security profile 1, wss:// for 2 and 3.",
    )
    slot = Whole(required=False, min_value=0, max_value=SLOT_MAX, help_text="By default one that is free.")
    interface = serializers.ChoiceField(INTERFACES, default="Wired0")
    message_timeout = Whole(default=30, min_value=1, max_value=3600, help_text="Seconds.")
    prerequisites_met = Flag(
        default=False, help_text="What the security profile needs of certificates was installed by others."
    )


# --- views ------------------------------------------------------------------------------------------------------------


class ChargePointNetworkProfiles(ApiView):
    """The network profiles of one charge point."""

    chapter = CHAPTER
    query = NetworkProfileQuery

    @extend_schema(
        operation_id="list_network_profiles",
        summary="List what the slots of a charge point were told to hold",
        description="Newest first, with what became of each. The command `set-network-profile` tells one. OCPP 2.x.",
        responses={200: paged(NetworkProfileShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List network profiles."""
        rows = selectors.network_profiles(charge_point_or_404(cp_id))
        if "slot" in self.asked:
            rows = rows.filter(slot=self.asked["slot"])
        return self.page(rows, order=("-pk",), shape=NetworkProfileShape)


REFUSED = {
    "under_way": "it is being moved to another security profile already",
    "unknown_slots": "it has not reported in which order it tries its slots: read its configuration",
    "no_free_slot": "it has no free slot that is known; name one",
    "present": "it connects with security profile 2 already",
    "offline": "CP-1 is offline",
    "not_supported": "CP-1 knows no network profiles",
}


class ChargePointProfileChanges(ApiView):
    """The moves of one charge point to other security profiles."""

    chapter = CHAPTER
    query = PageQuery
    scope = "admin"  # it may be sent to another central system by it

    @extend_schema(
        operation_id="list_security_profile_changes",
        summary="List the moves of a charge point to other security profiles",
        description="Newest first.",
        responses={200: paged(ProfileChangeShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List moves."""
        rows = selectors.profile_changes().filter(charge_point=charge_point_or_404(cp_id))
        return self.page(rows, order=("-pk",), shape=ProfileChangeShape)

    @extend_schema(
        operation_id="change_security_profile",
        summary="Move a charge point to another security profile",
        description="A network profile is written into a free slot, the slot is put before the others, and the "
        "charge point is reset when it is idle. Whoever comes back with the new profile has proven it, and lower ones "
        "are refused from then on; whoever comes back without it keeps what it had. One at a time. OCPP 2.x; in 1.6 "
        "the command `change-configuration` sets SecurityProfile. Not idempotent. Scope `admin`.",
        request=NewProfileChange,
        responses={201: ProfileChangeShape, 409: error("It cannot begin.", REFUSED)},
    )
    def post(self, request: Request, cp_id: str) -> Response:
        """Begin a move."""
        charge_point = charge_point_or_404(cp_id)
        asked = dict(read_body(request, NewProfileChange))
        profile, url = asked.pop("security_profile"), asked.pop("url")
        with refusals():
            row = services.change_profile(
                charge_point, profile, url, by=author_of(request).name, now=timezone.now(), **asked
            )
        return made(ProfileChangeShape(row).data, "api-security-profile-change", row.pk)


class CancelProfileChange(ApiView):
    """Call a move off."""

    chapter = CHAPTER
    scope = "admin"

    @extend_schema(
        operation_id="cancel_security_profile_change",
        summary="Call off a move to another security profile",
        description="A command that waits is taken back, and no other follows; if the order of slots was told, it is "
        "set back, so that the next boot takes the old way. One that comes with the new profile all the same has "
        "proven it. Idempotent; one that has come to an end stays as it is, as its `state` says. Scope `admin`.",
        request=None,
        responses={200: ProfileChangeShape},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Call a move off."""
        row = found(selectors.profile_changes().filter(pk=id).first(), "security_profile_change", id)
        row = services.cancel_change(row, by=author_of(request).name, now=timezone.now())
        return Response(ProfileChangeShape(row).data)


class OneProfileChange(ApiView):
    """One move to another security profile."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="get_security_profile_change",
        summary="Show a move to another security profile",
        description="And what became of it.",
        responses={200: ProfileChangeShape},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a move."""
        row = found(selectors.profile_changes().filter(pk=id).first(), "security_profile_change", id)
        return Response(ProfileChangeShape(row).data)


OF_ONE = "charge-points/<str:cp_id>/"

urlpatterns: list[URLPattern] = [
    path(f"{OF_ONE}network-profiles/", ChargePointNetworkProfiles.as_view(), name="api-network-profiles"),
    path(
        f"{OF_ONE}security-profile-changes/",
        ChargePointProfileChanges.as_view(),
        name="api-security-profile-changes",
    ),
    path(
        "security-profile-changes/<uuid:id>/",
        OneProfileChange.as_view(),
        name="api-security-profile-change",
    ),
    path(
        "security-profile-changes/<uuid:id>/cancel/",
        CancelProfileChange.as_view(),
        name="api-cancel-security-profile-change",
    ),
]
