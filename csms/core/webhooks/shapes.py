"""What the API shows of webhooks and their deliveries, and what it takes."""

from typing import Any

from rest_framework import serializers

from csms.core.api_data import Body, Flag, Moment, Shape, Word
from csms.core.outbound.targets import URL_MAX
from csms.core.webhooks.filters import DIRECTIONS, MOST
from csms.core.webhooks.models import Delivery, EndpointChange
from csms.core.webhooks.selectors import COUNTED, STATES
from csms.core.webhooks.services import NAME_MAX

SAID = {
    "types": "Types of events: exact, a beginning with `.*` as in `tx.*`, or `*`. OCPP messages are told to who names "
    "`cp.ocpp_frames` itself; neither `cp.*` nor `*` asks for them.",
    "charge_points": "Identities, or beginnings of such with `*` at the end; case does not matter. Empty: all, and "
    "what is of no single charge point.",
    "directions": "Of OCPP messages (`cp.ocpp_frames`): only those that come in, or go out. Empty: both.",
    "actions": "Of OCPP messages: only those of these actions. Empty: all.",
    "contains": "Of OCPP messages: only those in whose text one of these is found, as it is written. Empty: all.",
}


def _shown(name: str) -> serializers.ListField:
    child = serializers.ChoiceField(DIRECTIONS) if name == "directions" else serializers.CharField()
    return serializers.ListField(child=child, help_text=SAID[name])


def _taken(name: str, **options: Any) -> serializers.ListField:
    most, length = MOST[name]
    child = (
        serializers.ChoiceField(DIRECTIONS)
        if name == "directions"
        else Word(max_length=length, trim_whitespace=False)
    )
    return serializers.ListField(child=child, max_length=most, help_text=SAID[name], **options)


class WebhookShape(Shape):
    """An endpoint to which events are posted, and how well that goes."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.CharField(help_text="Without what lets in whoever has it.")
    types = _shown("types")
    charge_points = _shown("charge_points")
    directions = _shown("directions")
    actions = _shown("actions")
    contains = _shown("contains")
    enabled = serializers.BooleanField()
    state = serializers.ChoiceField(
        STATES, help_text="`failing` since the last attempt failed; `paused` until somebody resumes it."
    )
    paused_at = Moment(allow_null=True)
    paused_why = serializers.CharField()
    failures = serializers.IntegerField(help_text="Attempts that failed since the last success.")
    failing_since = Moment(allow_null=True)
    left_alone_until = Moment(
        source="probe_at",
        allow_null=True,
        help_text="So many have failed that only one tries it, and not before.",
    )
    last_error = serializers.CharField(help_text="Of the last attempt that failed.")
    last_delivered_at = Moment(source="delivered_at", allow_null=True)
    created_at = Moment()
    created_by = serializers.CharField()
    older_signs_until = Moment(
        allow_null=True, help_text="Until then there is a second signature, with the secret before this one."
    )


class WebhookDetailsShape(WebhookShape):
    """An endpoint, and what is before it."""

    backlog = serializers.IntegerField(
        help_text="Events of the outbox, of any type, that it has not come to; they wait in order."
    )
    waiting = serializers.IntegerField(help_text="Deliveries that wait for another attempt, or behind such.")
    dead = serializers.IntegerField(help_text=f"Deliveries that were given up, counted to {COUNTED}.")


class NewWebhookShape(WebhookShape):
    """An endpoint that was made, with its secret: it is shown this once."""

    secret = serializers.CharField(help_text="`whsec_<base64>`: verifies the signatures (Standard Webhooks).")


class WebhookSecretShape(Shape):
    """A new secret: it is shown this once."""

    secret = serializers.CharField(help_text="`whsec_<base64>`.")
    older_signs_until = Moment(
        help_text="Until then there is a second signature, with the secret before this one."
    )


class WebhookChangeShape(Shape):
    """What was done to an endpoint, and by whom."""

    at = Moment()
    what = serializers.ChoiceField(EndpointChange.What.choices)
    by = serializers.CharField(help_text="A person, or `token NAME`; empty for the clock.")
    details = serializers.DictField()


class DeliveryShape(Shape):
    """An event for an endpoint, and what became of the attempts to post it."""

    id = serializers.UUIDField()
    webhook_id = serializers.UUIDField(source="endpoint_id")
    event_id = serializers.UUIDField(help_text="The receiver's `webhook-id`, the same in every attempt.")
    type = serializers.CharField()
    cp_id = serializers.CharField(help_text="Empty if it is of no single charge point.")
    state = serializers.ChoiceField(
        Delivery.State.choices,
        help_text="`waiting` for its next attempt or behind another of its charge point, `delivered`, `dead` after the "
        "last attempt, `skipped` by somebody.",
    )
    created_at = Moment()
    attempts = serializers.IntegerField()
    last_attempt_at = Moment(allow_null=True)
    status = serializers.IntegerField(
        allow_null=True, help_text="The receiver's; null if the last attempt had no answer."
    )
    latency_ms = serializers.IntegerField(allow_null=True)
    answer = serializers.CharField(
        source="excerpt", help_text="The first 1,024 bytes of the receiver's answer."
    )
    error = serializers.CharField(help_text="Why there was no answer, or no further attempt; else empty.")
    next_attempt_at = Moment(allow_null=True, help_text="Null if none is due, or another comes first.")
    delivered_at = Moment(allow_null=True)


class ReplayedShape(Shape):
    """How much is posted again."""

    deliveries = serializers.IntegerField(
        help_text="Dead deliveries that wait for another series of attempts."
    )
    events = serializers.IntegerField(
        help_text="Events of the outbox that are read again, of any type; those that pass the filter are posted."
    )
    gone_before = Moment(
        allow_null=True,
        help_text="With `since`: what was recorded before this time is not kept any more, and is not posted. Null if "
        "nothing is missing.",
    )


class DiscardedShape(Shape):
    """How much was discarded."""

    deliveries = serializers.IntegerField()


# --- what is taken ----------------------------------------------------------------------------------------------------


class WebhookChanges(Body):
    """What may be changed of an endpoint."""

    name = Word(required=False, max_length=NAME_MAX, help_text="No other has it.")
    url = Word(
        required=False, max_length=URL_MAX, help_text="Kept sealed, and shown without what looks like a key."
    )
    types = _taken("types", required=False, allow_empty=False)
    charge_points = _taken("charge_points", required=False)
    directions = _taken("directions", required=False)
    actions = _taken("actions", required=False)
    contains = _taken("contains", required=False)
    enabled = Flag(
        required=False, help_text="Off: nothing is posted, and its place is kept for as long as events are."
    )


class NewWebhook(WebhookChanges):
    """An endpoint to make."""

    name = Word(max_length=NAME_MAX, help_text="No other has it.")
    url = Word(max_length=URL_MAX, help_text="Kept sealed, and shown without what looks like a key.")
    types = _taken("types", allow_empty=False)
    enabled = Flag(default=True)


class PauseReason(Body):
    """Why an endpoint is paused."""

    why = Word(default="", allow_blank=True, max_length=1000, help_text="For the others.")


class Resumption(Body):
    """Where an endpoint goes on."""

    from_now = Flag(default=False, help_text="Skip what has happened meanwhile, and what waits.")


class Replay(Body):
    """What is posted again."""

    since = Moment(
        required=False,
        help_text="All that was recorded since then and passes the filter, whatever became of it before. Without it: "
        "all dead deliveries, the oldest first, as many as may wait.",
    )
