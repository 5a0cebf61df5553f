"""The views that people save of a list: named, shown to those who may see them, begun with, and deleted again."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from csms.core.access.models import DefaultView, SavedView, User
from csms.core.audit import services as audit
from csms.core.refusals import BadField, NotNow

NAME_MAX, QUERY_MAX = 60, 1000  # characters
VIEWS_MAX = 50  # of one person, of a page


def views_for(user: User, page: str) -> QuerySet[SavedView]:
    """Return the views of a page that a person sees, their own first, with their owners."""
    rows = SavedView.objects.filter(Q(owner=user) | Q(shared=True), page=page).select_related("owner")
    return rows.order_by("shared", "name", "pk")


def default_view(user: User, page: str) -> SavedView | None:
    """Return the view with which a page begins for this person; None for one that is not theirs any more."""
    row = DefaultView.objects.filter(user=user, page=page).select_related("view").first()
    if row is None or not (row.view.shared or row.view.owner_id == user.pk):
        return None
    return row.view


def may_change(user: User, view: SavedView) -> bool:
    """Whether somebody may rename or delete a view: its owner, and administrators those that are shared."""
    return view.owner_id == user.pk or (view.shared and user.may("admin"))


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise BadField("name", f"a name has 1 to {NAME_MAX} printable characters")
    return name


def _mind_the_sharing(user: User, shared: bool) -> None:
    if shared and not user.may("write"):
        raise BadField("shared", "only operators and administrators share views with everybody")


@transaction.atomic
def save_view(
    user: User, page: str, *, name: str, query: str, shared: bool = False, now: datetime
) -> SavedView:
    """Keep the filters of a page under a name. Raises BadField."""
    name = _checked_name(name)
    _mind_the_sharing(user, shared)
    if len(query) > QUERY_MAX:
        raise BadField("query", f"a view has filters of at most {QUERY_MAX} characters")
    if SavedView.objects.filter(owner=user, page=page).count() >= VIEWS_MAX:
        raise BadField("name", f"you have {VIEWS_MAX} views here; delete one first")
    view = SavedView(owner=user, page=page, name=name, query=query, shared=shared, created_at=now)
    _write(view)
    _note("view.saved", view, by=user, now=now, query=query, shared=shared)
    return view


@transaction.atomic
def change_view(
    user: User,
    view: SavedView,
    *,
    name: str | None = None,
    shared: bool | None = None,
    query: str | None = None,
    now: datetime,
) -> None:
    """Rename a view, share it or no longer, or keep other filters under it. Raises BadField and NotNow."""
    _mind_whose(user, view)
    changes: dict[str, Any] = {}
    if name is not None and (name := _checked_name(name)) != view.name:
        changes["name"] = [view.name, name]
        view.name = name
    if shared is not None and shared != view.shared:
        _mind_the_sharing(user, shared)
        changes["shared"] = [view.shared, shared]
        view.shared = shared
    if query is not None and query != view.query:
        if len(query) > QUERY_MAX:
            raise BadField("query", f"a view has filters of at most {QUERY_MAX} characters")
        changes["query"] = [view.query, query]
        view.query = query
    if changes:
        _write(view)
        _note("view.changed", view, by=user, now=now, changes=changes)


@transaction.atomic
def delete_view(user: User, view: SavedView, *, now: datetime) -> None:
    """Forget a view; whoever began with it begins with the whole list again. Raises NotNow."""
    _mind_whose(user, view)
    _note("view.deleted", view, by=user, now=now, query=view.query, shared=view.shared)
    view.delete()


@transaction.atomic
def begin_with(user: User, page: str, view: SavedView | None) -> None:
    """Let a page begin with this view for this person; None for the whole list. It is nobody else's matter."""
    if view is None:
        DefaultView.objects.filter(user=user, page=page).delete()
    else:
        DefaultView.objects.update_or_create(user=user, page=page, defaults={"view": view})


def _mind_whose(user: User, view: SavedView) -> None:
    if not may_change(user, view):
        raise NotNow("not_yours", f"this view is {view.owner.get_username()}'s; save one of your own")


def _write(view: SavedView) -> None:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise BadField("name", f"you have a view named {view.name!r} already") from error


def _note(action: str, view: SavedView, *, by: User, now: datetime, **details: Any) -> None:
    audit.note(
        action,
        by=by.get_username(),
        subject_type="view",
        subject=view.pk,
        now=now,
        page=view.page,
        name=view.name,
        **details,
    )
