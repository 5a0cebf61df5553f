"""What people do with the views of a list: save one, rename or share it, begin with it, delete it."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from console.fleet import query_of
from console.pages import action, moved, permit, person
from console.questions import confirmed, question_page
from console.views.charge_points import KEPT, PAGE
from csms.core.access import saved_views as services
from csms.core.access.models import SavedView, User
from csms.core.refusals import BadField, NotNow


def _address(query: str) -> str:
    return reverse("console:charge-points") + (f"?{query}" if query else "")


@action("read")
def save(request: HttpRequest) -> HttpResponse:
    """Keep the filters that are posted under a name, one's own or for everybody."""
    query = query_of(QueryDict(request.POST.get("query", "")), KEPT)
    shared = bool(request.POST.get("shared"))
    if shared:
        permit(request, "write")
    try:
        view = services.save_view(
            person(request),
            PAGE,
            name=request.POST.get("name", ""),
            query=query,
            shared=shared,
            now=timezone.now(),
        )
    except BadField as refusal:
        messages.error(request, _("Not saved: %(why)s.") % {"why": refusal})
    else:
        messages.success(request, _("Saved as “%(name)s”.") % {"name": view.name})
    return moved(request, _address(query))


def _rename(request: HttpRequest, user: User, view: SavedView) -> str:
    shared = bool(request.POST.get("shared"))
    if shared and not view.shared:
        permit(request, "write")
    services.change_view(
        user, view, name=request.POST.get("name", view.name), shared=shared, now=timezone.now()
    )
    return _("“%(name)s” was changed.") % {"name": view.name}


def _delete(request: HttpRequest, user: User, view: SavedView) -> str:
    services.delete_view(user, view, now=timezone.now())
    return _("“%(name)s” was deleted.") % {"name": view.name}


def _begin(request: HttpRequest, user: User, view: SavedView) -> str:
    services.begin_with(user, PAGE, view)
    return _("The list begins with “%(name)s” for you.") % {"name": view.name}


def _begin_whole(request: HttpRequest, user: User, view: SavedView) -> str:
    services.begin_with(user, PAGE, None)
    return _("The list begins with the whole fleet for you.")


STEPS: dict[str, Callable[[HttpRequest, User, SavedView], str]] = {
    "change": _rename,
    "delete": _delete,
    "begin": _begin,
    "begin-whole": _begin_whole,
}


@action("read")
def step(request: HttpRequest, pk: int, slug: str) -> HttpResponse:
    """Do one of STEPS with a view that the person sees."""
    user = person(request)
    view = services.views_for(user, PAGE).filter(pk=pk).first()
    if view is None or slug not in STEPS:
        raise Http404(_("There is no such view; it may have been deleted."))
    if slug == "delete" and not confirmed(request):
        question = _("Delete the view “%(name)s”? The charge points stay as they are.") % {"name": view.name}
        return question_page(request, title=_("Delete a view"), question=question, back=_address(view.query))
    try:
        messages.success(request, STEPS[slug](request, user, view))
    except (BadField, NotNow) as refusal:
        messages.error(request, _("Not done: %(why)s.") % {"why": refusal})
    return moved(request, _address("all=1" if slug in ("delete", "begin-whole") else view.query))
