"""Reaching anything by few letters: the palette's answers, and the same as a page for those without script."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse

from console.finding import Q_MAX, find
from console.pages import page, person, render_page


def _asked(request: HttpRequest) -> str:
    return request.GET.get("q", "")[:Q_MAX].strip()


@page
def palette(request: HttpRequest) -> HttpResponse:
    asked = _asked(request)
    found = [asdict(one) for one in find(person(request), asked)]
    return JsonResponse({"q": asked, "found": found}, headers={"X-Content-Type-Options": "nosniff"})


@page
def search(request: HttpRequest) -> HttpResponse:
    asked = _asked(request)
    values = {"section": "search", "asked": asked, "found": find(person(request), asked)}
    return render_page(request, "search", values)
