"""The page of alerts: which of its tabs is asked for."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from console.pages import page
from console.views.alert import uuid_of
from console.views.alert_channels import channels
from console.views.alert_firing import firing
from console.views.alert_incidents import incidents
from console.views.alert_rules import rules
from console.views.alert_silences import silences

TAB_VIEWS: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "firing": firing,
    "silences": silences,
    "channels": channels,
    "rules": rules,
    "incidents": incidents,
}


@page
def alerts(request: HttpRequest) -> HttpResponseBase:
    """Show a tab, the first unless another is asked for; the links of notifications lead on to their alert."""
    if (asked := uuid_of(request.GET.get("alert", ""))) is not None:
        return redirect("console:alert", asked)
    return TAB_VIEWS.get(request.GET.get("tab", ""), firing)(request)
