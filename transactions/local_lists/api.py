"""The API's door to local lists: what a charge point has, what it has yet to get, and which tokens belong there."""

from typing import Any

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.commands.sending_api import author_of
from chargers.models import ChargePoint
from csms.core.api_data import Body, Moment, Shape, Word, read_body
from csms.core.api_errors import invalid
from csms.core.api_views import ApiView, paged
from csms.core.paging import PageQuery
from transactions.local_lists import selectors, services
from transactions.local_lists.models import LocalList
from transactions.tokens import ID_TOKEN_MAX

CHAPTER = "Local lists"
CHOSEN_MAX = 10_000
LEFT_OUT_SHOWN = 100


# --- shapes -----------------------------------------------------------------------------------------------------------


class LeftOutShape(Shape):
    """A token that belongs on the list and is not sent."""

    id_token = serializers.CharField()
    reason = serializers.ChoiceField(
        [(word, word) for word in selectors.LEFT_OUT],
        help_text="\n".join(f"* `{word}`: {meaning}" for word, meaning in selectors.LEFT_OUT.items()),
    )


class PendingShape(Shape):
    """What the next update has to bring, by the tokens as they are now."""

    kind = serializers.ChoiceField(
        [("", "Nothing"), ("Full", "Full"), ("Differential", "Differential")],
        help_text="`Full` at first, and after a failure; empty when there is nothing to send.",
    )
    added = serializers.IntegerField()
    changed = serializers.IntegerField(help_text="Blocked, expired, another expiry or group.")
    removed = serializers.IntegerField()
    left_out = LeftOutShape(many=True, help_text=f"The first {LEFT_OUT_SHOWN}.")
    left_out_count = serializers.IntegerField()


class LastUpdateShape(Shape):
    """The last update that was sent, and what became of it."""

    command = serializers.UUIDField(source="last_command_id")
    kind = serializers.CharField(source="last_kind", help_text="Full, Differential or Empty.")
    result = serializers.CharField(
        source="last_result",
        help_text="The charge point's own word: Accepted, Failed, NotSupported or VersionMismatch; without one, its "
        "error's code or the command's status.",
    )
    at = Moment(source="last_at")

    def to_representation(self, instance: LocalList) -> dict[str, Any] | None:  # type: ignore[override]
        """Return the update; None before the first."""
        return None if instance.last_at is None else super().to_representation(instance)


class LocalListShape(Shape):
    """The list of tokens that a charge point knows by itself."""

    cp_id = serializers.CharField(source="charge_point.cp_id")
    policy = serializers.ChoiceField(
        LocalList.Policy.choices,
        help_text="Which tokens belong on it. Unless it is `off`, what changes is sent by itself.",
    )
    tokens = serializers.ListField(child=serializers.CharField(), help_text="Chosen tokens.")
    groups = serializers.ListField(
        child=serializers.CharField(), help_text="Chosen groups: the parents of their tokens."
    )
    version = serializers.IntegerField(help_text="As last accepted; 0: nothing was.")
    entries = serializers.IntegerField(source="entry_count", help_text="How many, as last accepted.")
    accepted_at = Moment(allow_null=True)
    supported = serializers.BooleanField(allow_null=True, help_text="Null: not known yet.")
    reported_version = serializers.IntegerField(
        allow_null=True, help_text="As the charge point said itself: -1, it keeps no list; 0, it is empty."
    )
    reported_at = Moment(allow_null=True)
    drifted = serializers.BooleanField(
        source="full_needed",
        help_text="What the charge point has is not what is mirrored; unless the policy is `off` a Full update "
        "follows.",
    )
    pending = PendingShape()
    on_its_way = serializers.UUIDField(
        source="command_id", allow_null=True, help_text="The update that was ordered and not yet answered."
    )
    last_update = LastUpdateShape(source="*", allow_null=True)
    try_after = Moment(allow_null=True, help_text="After failures: no automatic update before.")


class EntryShape(Shape):
    """A token on the list, as it was accepted last."""

    id_token = serializers.CharField()
    status = serializers.CharField(
        help_text="As it was sent: Accepted, Blocked, Expired, Invalid or ConcurrentTx; in OCPP 2.x also others."
    )
    type = serializers.CharField(help_text="In the words of OCPP 2.x; empty on lists of 1.6.")
    evses = serializers.ListField(
        child=serializers.IntegerField(), help_text="The only EVSEs that it may use; empty: all."
    )
    expires_at = Moment(allow_null=True)
    parent = serializers.CharField()  # type: ignore[assignment]  # DRF takes fields out of the class


def _texts(help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=Word(max_length=ID_TOKEN_MAX, trim_whitespace=False),
        required=False,
        max_length=CHOSEN_MAX,
        help_text=help_text,
    )


class LocalListPolicy(Body):
    """Which tokens belong on a local list."""

    policy = serializers.ChoiceField(LocalList.Policy.choices)
    tokens = _texts("With `chosen`: these tokens.")
    groups = _texts("With `chosen`: the tokens of these groups, by their parent.")


# --- views ------------------------------------------------------------------------------------------------------------


def shown(charge_point: ChargePoint) -> dict[str, Any]:
    """Return the list of a charge point as the API shows it."""
    row: Any = selectors.local_list(charge_point)
    pending = selectors.pending(row, now=timezone.now())
    left_out = pending.belonging.left_out
    row.entry_count = selectors.entries(row).count()
    row.pending = {
        "kind": pending.kind,
        "added": len(pending.delta.added) if pending.kind else 0,
        "changed": len(pending.delta.changed) if pending.kind else 0,
        "removed": len(pending.delta.removed) if pending.kind else 0,
        "left_out": left_out[:LEFT_OUT_SHOWN],
        "left_out_count": len(left_out),
    }
    return dict(LocalListShape(row).data)


class ChargePointLocalList(ApiView):
    """The local list of one charge point."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="get_local_list",
        summary="Show the local list of a charge point",
        description="What it has, what it has yet to get, and what became of the last update. "
        "The command `send-local-list` sends it at once, `get-local-list-version` compares versions.",
        responses={200: LocalListShape},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """Show the list."""
        return Response(shown(charge_point_or_404(cp_id)))


class LocalListEntries(ApiView):
    """The entries of the local list of one charge point."""

    chapter = CHAPTER
    query = PageQuery

    @extend_schema(
        operation_id="list_local_list_entries",
        summary="List the entries of a local list",
        description="As the charge point accepted them last, by token.",
        responses={200: paged(EntryShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List entries."""
        rows = selectors.entries(selectors.local_list(charge_point_or_404(cp_id)))
        return self.page(rows, order=("key",), shape=EntryShape)


class Policy(ApiView):
    """Which tokens belong on the local list of one charge point."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="set_local_list_policy",
        summary="Say which tokens belong on a local list",
        description="The list is sent soon after, and again whenever its tokens change. With `off` nothing is sent, "
        "and the list stays as it is; the command `send-local-list` with `Empty` clears it. Idempotent. "
        "Scope `write`.",
        request=LocalListPolicy,
        responses={200: LocalListShape},
        examples=[
            OpenApiExample("a group", value={"policy": "chosen", "groups": ["FLEET"]}, request_only=True)
        ],
    )
    def put(self, request: Request, cp_id: str) -> Response:
        """Set the policy."""
        charge_point = charge_point_or_404(cp_id)
        body = read_body(request, LocalListPolicy)
        chosen = {name: body.get(name, []) for name in ("tokens", "groups")}
        if body["policy"] != LocalList.Policy.CHOSEN and (named := [name for name in chosen if chosen[name]]):
            raise invalid({name: ["Only with the policy `chosen`."] for name in named})
        services.set_policy(
            charge_point, policy=body["policy"], now=timezone.now(), by=author_of(request).name, **chosen
        )
        return Response(shown(charge_point))


LIST = "charge-points/<str:cp_id>/local-list/"
urlpatterns: list[URLPattern] = [
    path(LIST, ChargePointLocalList.as_view(), name="api-local-list"),
    path(f"{LIST}entries/", LocalListEntries.as_view(), name="api-local-list-entries"),
    path(f"{LIST}policy/", Policy.as_view(), name="api-local-list-policy"),
]
