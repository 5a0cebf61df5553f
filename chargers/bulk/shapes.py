"""How the API reads and writes bulk jobs."""

from decimal import Decimal
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chargers.bulk import selectors
from chargers.bulk.choosing import NAMED, TARGETS_MAX
from chargers.bulk.models import BulkJob, BulkTarget
from chargers.bulk.services import OPEN_MAX, RATE_DEFAULT, RATE_MAX, SAMPLE_DEFAULT
from chargers.commands.ledger_api import JsonObject
from chargers.commands.sending import DEFAULT_EXPIRY, EXPIRY_MAX, QUEUED_EXPIRY, catalogue
from chargers.shapes import ChargePointConditions
from csms.core.api_data import Body, Flag, Moment, Shape, Whole, Word
from csms.core.paging import PageQuery

CANARIES_MAX = 1000
REASON_MAX = 1000
TYPES = [(slug, entry.title) for slug, entry in catalogue().items()]


# --- what is read -----------------------------------------------------------------------------------------------------


@extend_schema_field({"type": "number", "minimum": 0, "maximum": 1})
class Share(serializers.Field):  # type: ignore[type-arg]
    """A share from 0 to 1 with four digits at most: a JSON number, exact on its way through."""

    default_error_messages = {"invalid": "It is no number from 0 to 1 with four decimal digits at most."}

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the share."""
        if type(data) not in (int, float) or not 0 <= data <= 1:
            self.fail("invalid")
        share = Decimal(str(data))
        if share != share.quantize(Decimal("0.0001")):
            self.fail("invalid")
        return share

    def to_representation(self, value: Decimal) -> float:
        """Write the share; four digits survive as they are."""
        return float(value)


class Given(JsonObject):
    """A JSON object in a request."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("It is no JSON object.")
        return data


class BulkFilter(ChargePointConditions, Body):
    """Conditions that charge points in service meet, as of the list of charge points: all of them, or `all`."""

    all = Flag(required=False, help_text="`true`, and nothing beside it: every charge point in service.")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the conditions. There is no filter that catches the whole fleet by mistake."""
        everybody = given.get("all", False)
        if not everybody and len(given) == ("all" in given):
            raise serializers.ValidationError("Give a condition at least, or `all` as true.")
        if everybody and len(given) > 1:
            raise serializers.ValidationError({"all": "It stands alone: with conditions it says nothing."})
        return {name: value for name, value in given.items() if name != "all"}


class BulkTargets(Body):
    """Which charge points: either of the two."""

    cp_ids = serializers.ListField(
        child=Word(max_length=48),
        required=False,
        min_length=1,
        max_length=TARGETS_MAX,
        help_text="In the order in which they get their turn; case does not matter.",
    )
    filter = BulkFilter(
        required=False,
        help_text="Judged once, when the job is made: it is for those that meet it then, by identity.",
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the choice."""
        if len(given) != 1:
            raise serializers.ValidationError("Give either `cp_ids` or `filter`.")
        return given


class NewBulkJob(Body):
    """One command for many charge points."""

    type = serializers.ChoiceField(TYPES, help_text="Of the catalogue of commands.")
    params = Given(
        default=dict, help_text="The fields of the command in the catalogue; the same for all charge points."
    )
    targets = BulkTargets()
    rate_per_minute = Whole(
        default=RATE_DEFAULT,
        min_value=1,
        max_value=RATE_MAX,
        help_text="How many commands are queued in a minute at most. Charge points that are passed over cost nothing.",
    )
    canary = Whole(
        default=0,
        min_value=0,
        max_value=CANARIES_MAX,
        help_text="How many are tried alone at first. The job goes on when each of them has accepted, and stops when "
        "one does not; one that cannot be commanded is none, and the next takes its place.",
    )
    stop_on_failure_share = Share(
        required=False,
        help_text="The job stops when so many of the results are failures (rejected, failed, timed out or expired), "
        "0 for the first one; without it, it goes on whatever comes back.",
    )
    stop_min_sample = Whole(
        default=SAMPLE_DEFAULT,
        min_value=1,
        max_value=TARGETS_MAX,
        help_text="How many results there must be before `stop_on_failure_share` counts.",
    )
    start_at = Moment(
        required=False, help_text="In the future: nothing is sent before. Without it the job begins at once."
    )
    if_offline = serializers.ChoiceField(
        BulkJob.Offline.choices,
        default=BulkJob.Offline.SKIP,
        help_text="What to do with a charge point that is offline when its turn comes: `skip` passes over it, "
        "`refuse` counts it as a failure, `queue` keeps the command for it until that expires.",
    )
    expires_in = Whole(
        required=False,
        min_value=1,
        max_value=int(EXPIRY_MAX.total_seconds()),
        help_text="Seconds after its turn after which a command is not sent any more; by default "
        f"{DEFAULT_EXPIRY.seconds}, {QUEUED_EXPIRY.seconds} with `queue`.",
    )
    reason = Word(
        default="", allow_blank=True, max_length=REASON_MAX, help_text="Why; kept with each command."
    )


class RetryBulkJob(Body):
    """For whom a job that is over is repeated."""

    which = serializers.ChoiceField(
        [
            ("failed", "Rejected, failed, timed out and expired ones"),
            (
                "missed",
                "All that it did not succeed with: those that were passed over, refused or not reached, too",
            ),
        ],
        default="failed",
        help_text="`failed`: those that were asked and did not accept; `missed`: all that did not accept, for "
        "whatever reason.",
    )


class BulkJobQuery(PageQuery):
    """Which bulk jobs are listed."""

    sortable = {
        "created_at": ("created_at", "pk"),
        "start_at": ("start_at", "pk"),
        "ended_at": ("ended_at", "pk"),
        "total": ("total", "pk"),
    }
    state = serializers.ChoiceField(BulkJob.State.choices, required=False)
    type = serializers.ChoiceField(TYPES, required=False)


class BulkTargetQuery(PageQuery):
    """Which targets of a bulk job are listed."""

    sortable = {
        "position": ("position",),
        "cp_id": ("charge_point__cp_id", "pk"),
        "settled_at": ("settled_at", "pk"),
    }
    state = serializers.ChoiceField(BulkTarget.State.choices, required=False)


# --- what is written --------------------------------------------------------------------------------------------------


class ObstacleShape(Shape):
    """Why some charge points could not be commanded now."""

    code = serializers.CharField(help_text="As a single command would be refused with.")
    count = serializers.IntegerField(help_text="How many charge points.")
    sample = serializers.ListField(child=serializers.CharField(), help_text=f"The first {NAMED} of them.")


class BulkPreviewShape(Shape):
    """What would become of a bulk job if it began now."""

    total = serializers.IntegerField(help_text="How many charge points are chosen.")
    possible = serializers.IntegerField(help_text="How many of them could be commanded now.")
    obstacles = ObstacleShape(many=True, help_text="What stands in the way of the others.")
    sample = serializers.ListField(
        child=serializers.CharField(), help_text=f"The first {NAMED}, in the order of their turns."
    )


class BulkCountsShape(Shape):
    """How many charge points are in each state."""

    def get_fields(self) -> dict[str, Any]:
        """Return a number for each state."""
        return {
            state.value: serializers.IntegerField(help_text=f"{state.label}.") for state in BulkTarget.State
        }


class BulkProgressShape(Shape):
    """How far a bulk job is, from its counts."""

    done = serializers.IntegerField(help_text="Charge points whose turn is over, one way or the other.")
    results = serializers.IntegerField(help_text="Commands that were accepted, or failed.")
    failures = serializers.IntegerField(
        help_text="Of these, the rejected, failed, timed out and expired ones."
    )
    failure_share = Share(
        allow_null=True, help_text="Failures by results, rounded; null before the first result."
    )


class _WithCounts(serializers.ListSerializer[Any]):
    """Counts the targets of all jobs of a page in one query."""

    def to_representation(self, data: Any) -> list[Any]:
        """Write the jobs."""
        jobs = list(data)
        counts = selectors.counts_of(jobs)
        for job in jobs:
            job.counted = counts[job.pk]
        written: list[Any] = super().to_representation(jobs)
        return written


class BulkJobShape(Shape):
    """One command for many charge points, and how far it is."""

    id = serializers.UUIDField()
    type = serializers.CharField(help_text="The command's name in the catalogue.")
    params = JsonObject(help_text="Secrets are masked.")
    filter = JsonObject(
        source="chosen_by",
        allow_null=True,
        help_text="The conditions that the charge points met when the job was made; null for a list of them.",
    )
    retry_of = serializers.UUIDField(
        allow_null=True,
        help_text="The job of which it takes up what did not succeed; null for a job of its own.",
    )
    state = serializers.ChoiceField(BulkJob.State.choices)
    why = serializers.ChoiceField(
        [("", "It goes its way"), *BulkJob.Why.choices], help_text="Why it stands still, or ended early."
    )
    why_text = serializers.CharField(help_text="The same with names and figures; for people.")
    total = serializers.IntegerField(help_text="Charge points; settled when the job was made.")
    counts = BulkCountsShape(source="counted", help_text="As they are now.")
    progress = BulkProgressShape()
    rate_per_minute = serializers.IntegerField()
    canary = serializers.IntegerField()
    stop_on_failure_share = Share(source="stop_share", allow_null=True)
    stop_min_sample = serializers.IntegerField(source="stop_sample")
    if_offline = serializers.ChoiceField(BulkJob.Offline.choices)
    expires_in = serializers.IntegerField(help_text="Seconds, of each command.")
    reason = serializers.CharField()
    by = serializers.CharField(help_text="Who ordered it.")
    created_at = Moment()
    start_at = Moment(allow_null=True, help_text="Null: at once.")
    started_at = Moment(allow_null=True)
    canary_passed_at = Moment(allow_null=True, help_text="When all canaries had accepted.")
    paused_at = Moment(allow_null=True)
    ended_at = Moment(allow_null=True, help_text="Since when no command is queued any more.")
    closed_at = Moment(allow_null=True, help_text="When the last result was in: the counts are final.")

    class Meta:
        list_serializer_class = _WithCounts

    def to_representation(self, instance: Any) -> Any:
        """Write the job."""
        counts = getattr(instance, "counted", None)
        if counts is None:
            counts = selectors.counts_of([instance])[instance.pk]
        instance.progress = selectors.progress_of(instance, counts)
        instance.counted = {state.value: counts.get(state, 0) for state in BulkTarget.State}
        return super().to_representation(instance)


class BulkTargetShape(Shape):
    """A charge point of a bulk job, and what became of the command there."""

    cp_id = serializers.CharField(source="charge_point.cp_id")
    position = serializers.IntegerField(help_text="When it is its turn, from 1.")
    state = serializers.ChoiceField(
        BulkTarget.State.choices,
        help_text="`commanded` until there is an outcome; `skipped`: offline, and passed over; `refused`: it cannot "
        "be commanded, `code` says why; `cancelled`: the command was taken back; `not_sent`: the job ended before "
        "its turn.",
    )
    code = serializers.CharField(
        help_text="Why there is no command, as a single one would be refused with, or the error that ended it."
    )
    detail = serializers.CharField(help_text="Why there is no command, in words.")
    answer_status = serializers.CharField(help_text="The charge point's own word.")
    command_id = serializers.UUIDField(allow_null=True)
    command_url = serializers.SerializerMethodField(help_text="The path of the command; null without one.")
    commanded_at = Moment(allow_null=True)
    settled_at = Moment(allow_null=True)

    def get_command_url(self, target: BulkTarget) -> str | None:
        """Return the path of its command."""
        return reverse("api-command", args=[target.command_id]) if target.command_id else None


TOO_MANY = f"{OPEN_MAX} bulk jobs are open; let one end, or cancel it"
