"""What is read of incidents."""

from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from alerts.incidents.models import Incident
from alerts.models import Alert


def incidents() -> QuerySet[Incident]:
    """Return the incidents, with how many alerts each has (`alerts_count`) and how many of them are open."""
    return Incident.objects.annotate(alerts_count=_counted(), open_count=_counted(resolved_at=None))


def _counted(**which: Any) -> Coalesce:
    # Of each row apart: a join would count all alerts of all incidents before the page is cut.
    mine = Alert.objects.filter(incident=OuterRef("pk"), **which).order_by().values("incident")
    return Coalesce(
        Subquery(mine.annotate(count=Count("pk")).values("count")), 0, output_field=IntegerField()
    )
