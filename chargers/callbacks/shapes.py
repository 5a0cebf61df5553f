"""What the API shows of a callback; below `chargers.commands.ledger_api`, which shows it with its command."""

from rest_framework import serializers

from chargers.callbacks.models import Callback
from csms.core.api_data import Moment, Shape


class CallbackShape(Shape):
    """Where the outcome of a command is posted, and how far that has come."""

    url = serializers.CharField(help_text="Without what lets in whoever has it.")
    state = serializers.ChoiceField(
        Callback.State.choices,
        help_text="`waiting` for the outcome, `pending` while it is being delivered, `delivered`, `failed` for good, "
        "`gave_up` after the last attempt.",
    )
    attempts = serializers.IntegerField()
    last_attempt_at = Moment(source="last_at", allow_null=True)
    last_status = serializers.IntegerField(
        allow_null=True, help_text="The receiver's; null if the last attempt had no answer."
    )
    last_error = serializers.CharField(
        help_text="Why there was no answer, or no further attempt; else empty."
    )
    last_answer = serializers.CharField(
        source="last_excerpt", help_text="The first 1,024 bytes of the receiver's answer."
    )
    next_attempt_at = Moment(source="next_at", allow_null=True, help_text="Null if none is due.")
    delivered_at = Moment(allow_null=True)
