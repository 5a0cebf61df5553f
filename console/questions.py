"""The question before a dangerous order: asked by a dialog where there is script, else by a page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def confirmed(request: HttpRequest) -> bool:
    """Return whether the person has answered the question."""
    return request.POST.get("confirmed") == "yes"


def question_page(request: HttpRequest, *, title: str, question: str, back: str) -> HttpResponse:
    """Ask; the answer posts the same fields again."""
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in ("confirmed", "csrfmiddlewaretoken")
        for value in values
    ]
    return render(
        request,
        "console/question.html",
        {"title": title, "question": question, "fields": fields, "back": back, "action": request.path},
    )
