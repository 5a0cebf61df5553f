"""One alert: what happened to it, whom it concerns, who was told, and what to do."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from uuid import UUID

from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from alerts.incidents.models import Shared
from alerts.models import Alert, AlertEntry
from alerts.notifications.models import Notification
from alerts.notifications.selectors import notifications, of_alert
from alerts.rules.models import Rule
from alerts.selectors import alerts
from console.frame_filters import typed
from console.pages import page, render_page
from console.views.alert_firing import Quiet, quiet_ones

NOTIFICATIONS_SHOWN, BEFORE_SHOWN, ENTRIES_SHOWN = 30, 8, 500
AROUND = timedelta(minutes=5)


def uuid_of(text: str) -> UUID | None:
    """Return the id that a text is; None for any other text."""
    try:
        return UUID(text)
    except ValueError:
        return None


def alert_or_404(pk: UUID) -> Alert:
    """Return an alert, with its charge point and incident."""
    found = alerts().select_related("charge_point", "incident").filter(pk=pk).first()
    if found is None:
        raise Http404(_("There is no such alert; it may have ended before it fired, or be kept no longer."))
    return found


@dataclass(frozen=True, slots=True)
class Share:
    """What other alerts that fire now have in common with this one, and how many they are."""

    label: str
    value: str
    others: int


class AlertPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, alert: Alert) -> None:
        self.alert = alert
        self.now = timezone.now()

    @cached_property
    def rule(self) -> Rule | None:
        return Rule.objects.filter(slug=self.alert.rule).first()

    @property
    def open(self) -> bool:
        """Whether people may look after it."""
        return self.alert.state in (Alert.State.FIRING, Alert.State.ACKNOWLEDGED)

    @cached_property
    def timeline(self) -> list[AlertEntry]:
        """The last lines, oldest first."""
        return list(self.alert.timeline.order_by("-pk")[:ENTRIES_SHOWN])[::-1]

    @cached_property
    def quiet(self) -> Quiet | None:
        if self.alert.inhibited_by is None and self.alert.silenced_by is None:
            return None
        return quiet_ones([self.alert])[0]

    @cached_property
    def hushes(self) -> int:
        """How many open alerts it makes quiet."""
        return Alert.objects.filter(resolved_at=None, inhibited_by=self.alert.pk).count()

    @cached_property
    def shares(self) -> list[Share]:
        """How far it reaches: what it shares with others that fire now, the most frequent first. One query."""
        labels = {name: self.alert.labels[name] for name in Shared.values if self.alert.labels.get(name)}
        if not labels:
            return []
        others = Alert.objects.filter(resolved_at=None).exclude(pk=self.alert.pk)
        others = others.exclude(state=Alert.State.PENDING)
        # Each name is one of ours, and the value is given as a value: no label can be taken for a lookup.
        counts = {name: Count("pk", filter=Q(**{f"labels__{name}": value})) for name, value in labels.items()}
        found = others.aggregate(**counts)
        shares = [Share(name, value, found[name]) for name, value in labels.items()]
        return sorted(shares, key=lambda share: -share.others)

    @cached_property
    def notifications(self) -> list[Notification]:
        return list(of_alert(notifications(), self.alert.pk).order_by("-pk")[:NOTIFICATIONS_SHOWN])

    @cached_property
    def before(self) -> list[Alert]:
        """Earlier alerts of the same rule at the same charge point."""
        if self.alert.charge_point_id is None:
            return []
        rows = Alert.objects.filter(charge_point=self.alert.charge_point_id, rule=self.alert.rule)
        return list(rows.exclude(pk=self.alert.pk).order_by("-began_at", "-pk")[:BEFORE_SHOWN])

    @property
    def then(self) -> dict[str, str]:
        """The time around its beginning, as the filters of frames take it."""
        return {"from": typed(self.alert.began_at - AROUND), "to": typed(self.alert.began_at + AROUND)}


@page
def alert(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show an alert."""
    shown = AlertPage(alert_or_404(pk))
    return render_page(request, "alert", {"section": "alerts", "shown": shown, "alert": shown.alert})
