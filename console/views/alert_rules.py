"""The tab of rules."""

from django.http import HttpRequest, HttpResponse

from console.pages import render_page


def rules(request: HttpRequest) -> HttpResponse:
    return render_page(request, "alerts", {"section": "alerts", "tab": "rules"})
