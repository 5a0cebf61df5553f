"""The tab of firing."""

from django.http import HttpRequest, HttpResponse

from console.pages import render_page


def firing(request: HttpRequest) -> HttpResponse:
    return render_page(request, "alerts", {"section": "alerts", "tab": "firing"})
