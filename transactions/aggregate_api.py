"""The API's door to aggregates: sessions and energy by hour or day, and by whose they are."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

import orjson
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core import api_csv
from csms.core.api_data import EPOCH, Moment, Shape, Whole, moment
from csms.core.api_errors import ApiError, invalid
from csms.core.api_views import ApiView, paged
from csms.core.paging import COUNT_MAX, LIMIT_MAX, PageQuery
from csms.core.time_zones import days, find_zone, hours
from transactions.aggregates import GROUPS, NO_CONNECTOR, PARTS, Key, Sums, names_of, revenues, sums
from transactions.meter_api import check_bounds
from transactions.models import Transaction
from transactions.tariffs.shapes import RevenueShape
from transactions.transaction_api import FILTERS

# How long a window is by default and at most, and what its steps are.
STEPS = {
    "day": (timedelta(days=30), timedelta(days=92), days),
    "hour": (timedelta(hours=24), timedelta(days=8), hours),
}
# By so much a window may be longer, since one that was widened must be good to ask for again.
WIDENED = timedelta(hours=26)
FILTERED = ("cp_id", "connector_id", "id_token", "site")


def check_zone(key: str) -> None:
    """Refuse what is no time zone. Raises ValidationError."""
    try:
        find_zone(key)
    except ValueError as error:
        raise serializers.ValidationError(str(error)) from error


class AggregateQuery(PageQuery):
    """Which sessions are summed up, and by what."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        most = ", ".join(f"{longest.days} for {word}s" for word, (_, longest, _) in STEPS.items())
        return {
            "by": serializers.ChoiceField(list(STEPS), default="day", help_text="Length of a step."),
            "group_by": serializers.ChoiceField(
                list(GROUPS), default="none", help_text="Whose sessions are summed up."
            ),
            "time_zone": serializers.CharField(
                default="UTC",
                max_length=64,
                validators=[check_zone],
                help_text="Whose hours and days they are, such as `Europe/Berlin`.",
            ),
            "from": Moment(
                required=False,
                help_text="Beginning of the window; by default 30 days before `to`, or 24 h for hours.",
            ),
            "to": Moment(
                required=False, help_text=f"End of the window; by default now. At most so many days: {most}."
            ),
            "cp_id": serializers.CharField(required=False, help_text="Of this charge point alone."),
            "connector_id": Whole(
                required=False, min_value=0, max_value=2**31 - 1, help_text="Of this connector alone."
            ),
            "id_token": serializers.CharField(required=False, help_text="Of this token alone."),
            "site": serializers.CharField(
                required=False, max_length=100, help_text="Of the charge points at this site alone."
            ),
            **super().get_fields(),
            "limit": Whole(default=LIMIT_MAX, min_value=1, max_value=LIMIT_MAX, help_text="Rows on a page."),
            "cursor": serializers.CharField(
                required=False, max_length=2000, help_text="The `next_cursor` of the page before, unchanged."
            ),
        }


class AggregateShape(Shape):
    """What was charged in the sessions that started in one hour or day, and how many ended in it."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        whole, text = serializers.IntegerField, serializers.CharField
        return {
            "from": Moment(help_text="When the hour or day begins."),
            "to": Moment(help_text="When it ends."),
            "cp_id": text(allow_null=True, help_text="Null unless grouped by charge point or connector."),
            "connector_id": whole(
                allow_null=True, help_text="Null unless grouped by connector, or if it is not known."
            ),
            "id_token": text(
                allow_null=True,
                help_text="Null unless grouped by it; in the form in which tokens are compared, empty if unknown.",
            ),
            "site": text(allow_null=True, help_text="Null unless grouped by it; empty if there is none."),
            "sessions_started": whole(),
            "sessions_ended": whole(
                help_text="Whenever they started; all other figures are of those that started."
            ),
            "sessions_active": whole(help_text="Those that have not ended yet; their energy is not known."),
            "energy_wh": whole(help_text="Of those that have ended, as it is to be billed."),
            "duration_seconds": whole(help_text="Of those that have ended, together."),
            "mean_power_w": whole(
                allow_null=True,
                help_text="Energy by duration, of those whose both are known; null without any.",
            ),
            "highest_power_w": whole(
                allow_null=True, help_text="The same of the one session in which it was highest."
            ),
            "orphans": whole(help_text="Known only from their end."),
            "offline": whole(help_text="Told long after they happened."),
            "with_anomalies": whole(help_text="With something odd about them."),
            "revenue": RevenueShape(many=True, help_text="What was priced, a sum for each currency."),
        }


class AggregatePageShape(paged(AggregateShape, window=True)):  # type: ignore[misc]
    """A page of aggregates, the oldest first."""

    also_as = api_csv.documented(AggregateShape)
    time_zone = serializers.CharField()


class Aggregates(ApiView):
    """Sums of sessions."""

    chapter = "Transactions"
    query = AggregateQuery

    @extend_schema(
        operation_id="list_transaction_aggregates",
        summary="Sum up sessions by hour or day",
        description="The window is widened to whole hours or days of the time zone, as the answer says. A session "
        "counts where it started, with all its energy, however late it was told. Without groups there is a row for "
        "every hour or day; with groups only where there were sessions. A day of 23 or 25 hours is one day; an hour "
        "that comes twice when clocks are put back is two.",
        responses={200: AggregatePageShape},
    )
    def get(self, request: Request) -> Response:
        """Sum up."""
        asked = self.asked
        check_bounds(asked)
        edges, group, limit = self._edges(timezone.now()), asked["group_by"], asked["limit"]
        after = read_cursor(asked["cursor"], edges, group) if "cursor" in asked else None
        rows = Transaction.objects.all()
        for name in FILTERED:
            if name in asked:
                rows = FILTERS[name](rows, asked[name])
        bounds = {"from": moment(edges[0]), "to": moment(edges[-1])}
        if (kind := asked.get("format", self.kind)) != "json":
            if surplus := [name for name in ("limit", "count") if name in request.query_params]:
                raise invalid({name: ["It does not go with a file, which has all rows."] for name in surplus})
            results, following = self._rows(rows, edges, after, api_csv.EXPORT_MAX)
            response: Any = api_csv.streamed(request._request, _lines(results, kind), kind)
            response["X-Export-Complete"] = "false" if following else "true"
            response["X-Window"] = f"{bounds['from']}/{bounds['to']}"
        else:
            results, following = self._rows(rows, edges, after, limit)
            body: dict[str, Any] = {"results": results, "next_cursor": following, "window": bounds}
            if asked["count"]:
                count = len(sums(rows, edges=edges, group=group, limit=COUNT_MAX + 1))
                body |= {"count": min(count, COUNT_MAX), "count_capped": count > COUNT_MAX}
            response = Response(body | {"time_zone": asked["time_zone"]})
        if following is not None:
            again = request.query_params.dict() | bounds | {"cursor": following}
            response["Link"] = f'<{request.path}?{urlencode(again)}>; rel="next"'
        return cast(Response, response)

    def _rows(
        self, rows: QuerySet[Transaction], edges: list[datetime], after: Key | None, limit: int
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return so many rows behind a key, as they are shown, and the cursor of those behind them."""
        group = self.asked["group_by"]
        found = sums(rows, edges=edges, group=group, after=after, limit=limit + 1)
        shown = list(found)[:limit]
        cp_ids = names_of({key[1] for key in shown}) if PARTS[group][:1] == (int,) else {}
        revenue = revenues(rows, edges=edges, group=group, after=after, keys=shown)
        results = [
            _shown(key, found[key], edges, group, cp_ids) | {"revenue": revenue.get(key, [])} for key in shown
        ]
        following = write_cursor(shown[-1], edges) if len(found) > limit else None
        return list(AggregateShape(results, many=True).data), following

    def _edges(self, now: datetime) -> list[datetime]:
        """Return where the steps begin, and where the last one ends. Raises 422 for a window that is too long."""
        usual, longest, steps = STEPS[self.asked["by"]]
        until = self.asked.get("to") or now
        since = self.asked.get("from") or max(until - usual, EPOCH)
        if since >= until:
            raise invalid({"from": ["It is not before `to`."]})
        if until - since > longest + WIDENED:
            text = f"The window is longer than {longest.days} days; ask for parts of it."
            raise ApiError(422, "window_too_large", f"from: {text}", {"from": [text]})
        return steps(since, until, find_zone(self.asked["time_zone"]))


def _lines(results: list[dict[str, Any]], kind: str) -> Iterator[str]:
    if kind != "csv":
        yield from (f"{orjson.dumps(row).decode()}\n" for row in results)
        return
    names = api_csv.columns(AggregateShape)
    yield api_csv.line(iter(names))
    yield from (api_csv.line(row[name] for name in names) for row in results)


def _shown(
    key: Key, found: Sums, edges: list[datetime], group: str, cp_ids: dict[int, str]
) -> dict[str, Any]:
    step, *parts = key
    by_charge_point = PARTS[group][:1] == (int,)
    connector = parts[1] if group == "connector" else NO_CONNECTOR
    return {
        "from": edges[step],
        "to": edges[step + 1],
        "cp_id": cp_ids[parts[0]] if by_charge_point else None,
        "connector_id": None if connector == NO_CONNECTOR else connector,
        "id_token": parts[0] if group == "id_token" else None,
        "site": parts[0] if group == "site" else None,
        "sessions_started": found.started,
        "sessions_ended": found.ended,
        "sessions_active": found.active,
        "energy_wh": found.wh,
        "duration_seconds": found.seconds,
        "mean_power_w": found.mean_power_w,
        "highest_power_w": found.highest_power_w,
        "orphans": found.orphans,
        "offline": found.late,
        "with_anomalies": found.odd,
    }


# --- cursors ----------------------------------------------------------------------------------------------------------


def write_cursor(key: Key, edges: list[datetime]) -> str:
    """Return the cursor of the rows behind a key."""
    step, *parts = key
    return urlsafe_b64encode(orjson.dumps([int(edges[step].timestamp()), *parts])).decode().rstrip("=")


def read_cursor(cursor: str, edges: list[datetime], group: str) -> Key:
    """Return the key that a cursor names. Raises 422 for one that is broken, or of another list."""
    broken = invalid({"cursor": ["It is not one that a page of this list ended with."]})
    try:
        begin, *parts = orjson.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        if type(begin) is not int or [type(part) for part in parts] != list(PARTS[group]):
            raise broken
        if any("\x00" in part if isinstance(part, str) else abs(part) >= 2**63 for part in parts):
            raise broken
        return (edges[:-1].index(datetime.fromtimestamp(begin, UTC)), *parts)
    except (ValueError, TypeError, OverflowError, OSError, binascii.Error) as error:
        raise broken from error
