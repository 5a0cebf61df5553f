"""How often the fleet has what alerts may share: charge points in service, counted by the database."""

from collections import Counter
from typing import Any

from django.db import models
from django.db.models import Count, OuterRef, QuerySet, Subquery

from alerts.incidents.models import Shared
from alerts.labels import network_of, plain
from chargers.models import ChargePoint, Connection, Process, Registration

COLUMNS = {Shared.SITE: "site", Shared.MODEL: "model", Shared.FIRMWARE: "firmware_version"}


class Fleet:
    """The fleet as it is when it is first asked: each count is made once, and only when somebody wants it."""

    def __init__(self) -> None:
        self._size: int | None = None
        self._counts: dict[str, Counter[str]] = {}

    @property
    def size(self) -> int:
        """Return how many charge points are in service."""
        if self._size is None:
            self._size = _in_service().count()
        return self._size

    def having(self, label: str, value: str) -> int:
        """Return how many of them have a label with this value."""
        if label not in self._counts:
            self._counts[label] = _counted(Shared(label))
        return self._counts[label][value]


def _in_service() -> QuerySet[ChargePoint]:
    return ChargePoint.objects.filter(retired_at=None, registration=Registration.ACCEPTED).order_by()


def _counted(label: Shared) -> Counter[str]:
    """Return how many have each value; one query, and for processes one more for their names."""
    found: Counter[str] = Counter()
    if label in COLUMNS:
        for value, count in _in_service().values_list(COLUMNS[label]).annotate(Count("pk")):
            found[plain(value)] += count
    elif label == Shared.NETWORK:
        for peer, count in _of_last_connection("peer", models.CharField()):
            found[network_of(peer or "")] += count
    else:
        counts = dict(_of_last_connection("process", models.UUIDField()))
        for pk, host, pid in Process.objects.filter(pk__in=counts).values_list("pk", "host", "pid"):
            found[plain(f"{host}:{pid}")] += counts[pk]
    return found


def _of_last_connection(field: str, kind: "models.Field[Any, Any]") -> QuerySet[ChargePoint, tuple[Any, int]]:
    """Return the values of the last connections, and how many charge points have each."""
    last = Connection.objects.filter(charge_point=OuterRef("pk")).order_by("-opened_at").values(field)[:1]
    rows = _in_service().annotate(value=Subquery(last, output_field=kind))
    return rows.values_list("value").annotate(Count("pk"))
