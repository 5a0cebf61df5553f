"""One alert: what happened to it, whom it concerns, who was told, and what to do."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from console.pages import page, render_page


def uuid_of(text: str) -> UUID | None:
    """Return the id that a text is; None for any other text."""
    try:
        return UUID(text)
    except ValueError:
        return None


@page
def alert(request: HttpRequest, pk: UUID) -> HttpResponse:
    return render_page(request, "alerts", {"section": "alerts", "tab": "firing"})
