"""Which charge points did most and least, and with which most went wrong: sorted by the database, which tells the few.

A network has too many charge points to take the sums of all along only to show ten of them.
"""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BigIntegerField, Count, QuerySet, Sum
from django.db.models.functions import Cast

from chargers.models import ChargePoint
from transactions.figures.models import ChargePointDay
from transactions.models import Transaction

LISTED = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """What one charge point did in the window."""

    cp_id: str
    sessions: int
    energy_wh: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """Both ends of the network, and how many charge points in service had no session at all."""

    top: list[Ranked]
    bottom: list[Ranked]
    idle: int


class Done:
    """What each charge point did: in days that are kept, and in sessions that are summed up now."""

    def __init__(
        self,
        kept: QuerySet[ChargePointDay],
        sessions: QuerySet[Transaction],
        in_service: QuerySet[ChargePoint],
    ) -> None:
        live = sessions.order_by().values_list("charge_point_id")
        parts = (
            kept.order_by().values_list("charge_point_id", "started", "wh", "seconds"),
            # Whole numbers, as what is kept: PostgreSQL would make decimals of these, and so of all.
            live.annotate(
                sessions=Count("pk"), wh=_whole("energy_wh"), its_seconds=_whole("duration_seconds")
            ),
        )
        texts = list[str]()
        self._params = list[Any]()
        for part in parts:
            try:
                sql, params = part.query.sql_with_params()
            except EmptyResultSet:  # nothing can be in it
                continue
            texts.append(sql)
            self._params += params
        sums = " UNION ALL ".join(texts) or "SELECT 0, 0, 0, 0 WHERE 1 = 0"
        here, more = in_service.order_by().values_list("id", "cp_id").query.sql_with_params()
        self._params += more
        self._with = f"""
            WITH parts (pk, sessions, wh, seconds) AS ({sums}),
                 done AS (SELECT pk, SUM(sessions) AS sessions, COALESCE(SUM(wh), 0) AS wh,
                                 COALESCE(SUM(seconds), 0) AS seconds FROM parts GROUP BY pk),
                 here (pk, cp_id) AS ({here})"""  # noqa: S608  nothing but queries of Django's

    def ranking(self) -> Ranking:
        """Return the first and the last. One query."""
        every = ChargePoint._meta.db_table
        found = self._rows(
            f"""
            SELECT * FROM (
                SELECT 'top' AS which, pk, cp_id, sessions, wh, seconds
                  FROM (SELECT * FROM done ORDER BY wh DESC, sessions DESC, pk LIMIT {LISTED}) AS most
                  JOIN {every} AS cp ON cp.id = pk) AS top
             UNION ALL
            SELECT * FROM (
                SELECT 'bottom' AS which, here.pk, cp_id, COALESCE(sessions, 0) AS sessions, COALESCE(wh, 0) AS wh,
                       COALESCE(seconds, 0) AS seconds FROM here LEFT JOIN done ON done.pk = here.pk
                 ORDER BY 5, 4, 2 LIMIT {LISTED}) AS bottom
             UNION ALL
            SELECT 'idle', 0, '', COUNT(*), 0, 0 FROM here LEFT JOIN done ON done.pk = here.pk WHERE done.pk IS NULL
            """  # noqa: S608  nothing but names of ours
        )
        top = sorted((row for row in found if row[0] == "top"), key=lambda row: (-row[4], -row[3], row[1]))
        bottom = sorted(
            (row for row in found if row[0] == "bottom"), key=lambda row: (row[4], row[3], row[1])
        )
        [idle] = (row[3] for row in found if row[0] == "idle")
        return Ranking(_ranked(top), _ranked(bottom), int(idle))

    def every_charge_point(self) -> list[Ranked]:
        """Return all charge points in service or with a session, by identity. One query."""
        every = ChargePoint._meta.db_table
        found = self._rows(
            f"""
            SELECT '', cp.id, cp.cp_id, COALESCE(sessions, 0), COALESCE(wh, 0), COALESCE(seconds, 0)
              FROM {every} AS cp LEFT JOIN done ON done.pk = cp.id LEFT JOIN here ON here.pk = cp.id
             WHERE done.pk IS NOT NULL OR here.pk IS NOT NULL
            """  # noqa: S608  nothing but names of ours
        )
        return sorted(_ranked(found), key=lambda row: row.cp_id)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(f"{self._with} {sql}", self._params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _whole(column: str) -> Cast:
    return Cast(Sum(column), BigIntegerField())


def _ranked(rows: list[tuple[Any, ...]]) -> list[Ranked]:
    return [
        Ranked(cp_id, int(sessions), int(wh), int(seconds)) for _, _, cp_id, sessions, wh, seconds in rows
    ]
