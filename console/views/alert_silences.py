"""The tab of silences."""

from django.http import HttpRequest, HttpResponse

from console.pages import render_page


def silences(request: HttpRequest) -> HttpResponse:
    return render_page(request, "alerts", {"section": "alerts", "tab": "silences"})
