"""The tab of incidents."""

from django.http import HttpRequest, HttpResponse

from console.pages import render_page


def incidents(request: HttpRequest) -> HttpResponse:
    return render_page(request, "alerts", {"section": "alerts", "tab": "incidents"})
