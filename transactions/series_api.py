"""The API's door to series: the readings of a transaction or of a charge point, thinned to steps of time."""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from csms.core.api_data import Moment, Query, Shape, moment
from csms.core.api_errors import ApiError
from csms.core.api_schema import error
from csms.core.api_views import ApiView, Window, found
from transactions.meter_api import (
    METER_VALUES_WINDOW,
    check_bounds,
    connector_field,
    place,
    sample_fields,
    transaction_field,
    wanted_samples,
)
from transactions.models import MeterValue, Transaction
from transactions.series import (
    FIGURES,
    LATEST,
    POINTS_MAX,
    READINGS_MAX,
    SERIES_MAX,
    Point,
    Series,
    Span,
    TooMuch,
    extent,
    figure_series,
    readings_measured,
    sample_series,
    span_of,
)

EVERY_MAX = 366 * 86400
_DURATION = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,3})W)?(?:(?P<days>\d{1,3})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)
_SECONDS = {"weeks": 7 * 86400, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


# --- what is asked ----------------------------------------------------------------------------------------------------


def read_duration(text: str) -> int | None:
    """Return seconds, as digits or as a duration of ISO 8601 without months and years; None if it is neither."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    if match := _DURATION.fullmatch(text):
        return sum(int(number or 0) * _SECONDS[unit] for unit, number in match.groupdict().items())
    return None


def check_every(text: str) -> None:
    """Refuse what is no length of a step. Raises ValidationError."""
    seconds = read_duration(text)
    if seconds is None:
        raise serializers.ValidationError(
            "It is neither seconds, as in 900, nor a duration of ISO 8601, as in PT15M."
        )
    if not 1 <= seconds <= EVERY_MAX:
        raise serializers.ValidationError(f"A step is 1 to {EVERY_MAX} seconds long.")


class SeriesQuery(Query):
    """Which readings of a transaction make the series, and in what steps."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        return {
            "every": serializers.CharField(
                required=False,
                max_length=20,
                validators=[check_every],
                help_text="Length of a step: seconds, or a duration of ISO 8601 such as `PT15M`; by default the first "
                f"of 1, 5 and 15 minutes, 1 and 6 hours, 1 and 7 days that gives at most {POINTS_MAX} points.",
            ),
            "figure": serializers.ChoiceField(
                list(FIGURES),
                required=False,
                help_text="One of the main figures of the readings. Without it all of them, unless sampled values are "
                "asked for by their labels.",
            ),
            **sample_fields(),
            "from": Moment(required=False, help_text="Measured at or after this time."),
            "to": Moment(required=False, help_text="Measured before this time."),
        }


class WindowSeriesQuery(SeriesQuery):
    """Which readings of a charge point make the series, and in what steps."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            **super().get_fields(),
            "from": Moment(
                required=False, help_text="Measured at or after this time; by default 24 h before `to`."
            ),
            "to": Moment(required=False, help_text="Measured before this time; by default now."),
            "connector_id": connector_field(),
            "transaction": transaction_field(),
        }


# --- shapes -----------------------------------------------------------------------------------------------------------


def written(value: Decimal) -> str:
    """Write a number exactly, without exponent and without zeros that say nothing."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"


@extend_schema_field({"type": "string", "format": "decimal"})
class Exact(serializers.Field):  # type: ignore[type-arg]  # its parameters mean nothing at run time
    """An exact number, as text."""

    def to_representation(self, value: Decimal) -> str:
        """Write it."""
        return written(value)


class PointShape(Shape):
    """What was measured in one step. Numbers are exact, hence texts."""

    at = Moment(help_text="When the step begins.")
    min = Exact()
    mean = Exact(help_text="Of the readings, to six places behind the point.")
    max = Exact()
    last = Exact(help_text="The one that was measured last.")
    count = serializers.IntegerField(help_text="How many readings had it.")


class NormalisedShape(Shape):
    """Values that came in another unit."""

    unit = serializers.CharField(help_text="As the charge point wrote it; empty where it wrote none.")
    times = Exact(help_text="What they were multiplied by.")
    count = serializers.IntegerField(help_text="How many.")


class OneSeriesShape(Shape):
    """One quantity over time: a main figure of the readings, or sampled values of the same labels, of one connector."""

    connector_id = serializers.IntegerField()
    figure = serializers.ChoiceField([("", "sampled values"), *((name, name) for name in FIGURES)])
    measurand = serializers.CharField(help_text="This and the next two are empty for a figure.")
    phase = serializers.CharField(help_text="Empty where none was named.")
    location = serializers.CharField()
    unit = serializers.CharField(help_text="Of all numbers here; a unit that is not known stays as it came.")
    normalised = NormalisedShape(many=True)
    unusable = serializers.IntegerField(help_text="How many values were no numbers; signed data are none.")
    points = PointShape(many=True)


class SeriesShape(Shape):
    """Readings thinned to steps of time. Steps without readings are left out."""

    every_seconds = serializers.IntegerField(help_text="Length of a step.")
    window = Window(
        allow_null=True, help_text="From the first step to the last; null if there are no readings."
    )
    series = OneSeriesShape(many=True)


def shown(series: Series, span: Span) -> dict[str, Any]:
    """Return a series as the API shows it."""
    kind = series.kind
    return {
        **kind._asdict(),
        "normalised": [
            {"unit": unit, "times": Decimal(10) ** power, "count": count}
            for (unit, power), count in sorted(series.units.items())
            if power or unit != kind.unit
        ],
        "unusable": series.unusable,
        "points": [_point(span.begin(step), point) for step, point in sorted(series.points.items())],
    }


def _point(at: datetime, point: Point) -> dict[str, Any]:
    return {
        "at": at,
        "min": point.low,
        "mean": point.mean,
        "max": point.high,
        "last": point.last,
        "count": point.count,
    }


# --- views ------------------------------------------------------------------------------------------------------------

HOW = (
    f"Each step of time has the least, the mean, the greatest and the last value. A step belongs to the time of "
    "measurement (by the charge point's clock if believable) and begins at a multiple of its length since 1970, "
    "UTC.\n\n"
    "`figure` names a main figure of the readings, in our units and corrected for what is known of the charge point's; "
    "`measurand`, `phase`, `context` and `location` ask for the sampled values themselves, of which only the unit is "
    "changed, and that is said: kWh to Wh, kW to W and the like. Both may be asked for together. "
    f"At most {POINTS_MAX} points a series, {SERIES_MAX} series and {READINGS_MAX} readings."
)
TOO_MUCH = error(
    "A parameter is wrong, or asks for more than is answered; `errors` names it.",
    {
        "invalid": "every: It is neither seconds, as in 900, nor a duration of ISO 8601, as in PT15M.",
        "too_many_points": "every: These would be 86400 points, and a series has at most 2000: ask for steps of "
        "44 seconds or more, or for a part of the time.",
        "too_many_readings": "from: These are more than 100000 readings; ask for a shorter time.",
        "too_many_series": "measurand: These would be more than 40 series; ask for fewer measurands, or for one phase.",
        "window_too_large": "from: The window is longer than 31 days; ask for parts of it.",
    },
)


class SeriesView(ApiView):
    """The base of both series."""

    def answer(self, readings: QuerySet[MeterValue]) -> Response:
        """Answer with the series of the readings, from the first to the last."""
        asked = self.asked
        every = read_duration(asked["every"]) if "every" in asked else None
        try:
            if (measured := extent(readings)) is None:
                return Response({"every_seconds": every or 60, "window": None, "series": []})
            span = span_of(*measured, every)
            series = list(self._series(readings, span))
        except TooMuch as refusal:
            text = str(refusal)
            raise ApiError(
                422, refusal.code, f"{refusal.field}: {text}", {refusal.field: [text]}
            ) from refusal
        window = {"from": moment(span.begin(span.first)), "to": moment(span.begin(span.end))}
        shape = OneSeriesShape([shown(one, span) for one in series], many=True)
        return Response({"every_seconds": span.every, "window": window, "series": shape.data})

    def _series(self, readings: QuerySet[MeterValue], span: Span) -> Iterable[Series]:
        asked = self.asked
        of_samples = any(name in asked for name in sample_fields())
        for figure in FIGURES:
            if figure == asked.get("figure") or not (of_samples or "figure" in asked):
                yield from figure_series(readings, figure, span)
        if of_samples:
            yield from sample_series(readings, wanted_samples(asked), span)


class TransactionSeries(SeriesView):
    """The series of one transaction."""

    chapter = "Transactions"
    query = SeriesQuery

    @extend_schema(
        operation_id="get_transaction_series",
        summary="Show the meter values of a transaction over time",
        description=HOW,
        responses={200: SeriesShape, 422: TOO_MUCH},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show the series."""
        check_bounds(self.asked)
        transaction = found(Transaction.objects.filter(pk=id).first(), "transaction", id)
        bounds = {"sampled_at__gte": self.asked.get("from"), "sampled_at__lt": self.asked.get("to")}
        readings = MeterValue.objects.filter(transaction=transaction)
        return self.answer(readings.filter(**{name: at for name, at in bounds.items() if at is not None}))


class ChargePointSeries(SeriesView):
    """The series of one charge point."""

    chapter = "Charge points"
    query = WindowSeriesQuery

    @extend_schema(
        operation_id="get_charge_point_series",
        summary="Show the meter values of a charge point over time",
        description=f"Those measured in a window of at most {METER_VALUES_WINDOW.days} days, and told at most "
        f"{LATEST.days} day after it. {HOW}",
        responses={200: SeriesShape, 422: TOO_MUCH},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """Show the series."""
        charge_point = charge_point_or_404(cp_id)
        since, until = self.window(now=timezone.now(), at_most=METER_VALUES_WINDOW)
        readings = readings_measured(charge_point, since=since, until=until)
        return self.answer(readings.filter(place(charge_point.pk, self.asked)))
