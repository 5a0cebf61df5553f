"""The tabs of the page of alerts: what each is called. `console.views.alerts` says which view shows it."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab; its page is the template `console/alerts-<slug>.html`, on top of `console/alerts.html`."""

    slug: str
    title: str | Promise


TABS = (
    Tab("firing", _("Firing")),
    Tab("silences", _("Silences")),
    Tab("channels", _("Channels")),
    Tab("rules", _("Rules")),
    Tab("incidents", _("Incidents")),
)
