"""The tab of channels."""

from django.http import HttpRequest, HttpResponse

from console.pages import render_page


def channels(request: HttpRequest) -> HttpResponse:
    return render_page(request, "alerts", {"section": "alerts", "tab": "channels"})
