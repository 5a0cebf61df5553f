"""The id tokens of drivers: find, add, block."""

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from console.days import check_year, in_zone
from console.listing import Filters, Listing
from console.pages import action, moved, page, render_page
from transactions.models import IdToken
from transactions.selectors import id_tokens, tokens_matching
from transactions.tokens import (
    ID_TOKEN_MAX,
    LABEL_MAX,
    TokenRefusal,
    add_id_token,
    block_id_token,
    id_token_warnings,
    unblock_id_token,
)

COLUMNS = {"token": "id_token", "label": "label", "expires": "expires_at", "added": "created_at"}


class TokenFilters(Filters):
    q = forms.CharField(
        label="Search",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "token, label or parent…"}),
    )
    state = forms.ChoiceField(
        label="State",
        choices=[("", "Any"), ("blocked", "Blocked"), ("expired", "Expired"), ("good", "May charge")],
    )


class TokenForm(forms.Form):
    id_token = forms.CharField(
        label="Token",
        max_length=ID_TOKEN_MAX,
        help_text="As the charge point reads it from the card; OCPP 1.6 has up to 20 characters, in any case.",
    )
    label = forms.CharField(
        label="Label", max_length=LABEL_MAX, required=False, help_text="Whose it is; for people."
    )
    parent = forms.CharField(
        label="Parent",
        max_length=ID_TOKEN_MAX,
        required=False,
        help_text="Tokens of one parent may stop each other's charging (parentIdTag).",
    )
    expires_at = forms.DateTimeField(
        label="Expires",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        validators=[check_year],
        help_text=f"{in_zone()} Empty: never.",
    )
    max_active = forms.IntegerField(
        label="Transactions at a time", min_value=1, required=False, help_text="Empty: no limit."
    )

    def __init__(self, data: object = None) -> None:
        super().__init__(data, auto_id="token-%s")  # type: ignore[arg-type]
        for field in self.fields.values():
            field.widget.attrs |= {"class": "form-control", "autocomplete": "off"}


def _show(request: HttpRequest, form: TokenForm, status: int = 200) -> HttpResponse:
    filters = TokenFilters(request)
    rows, now = id_tokens(), timezone.now()
    asked = filters.values
    if "q" in asked:
        rows = tokens_matching(rows, asked["q"])
    expired = Q(expires_at__lte=now)
    match asked.get("state"):
        case "blocked":
            rows = rows.filter(blocked=True)
        case "expired":
            rows = rows.filter(expired)
        case "good":
            rows = rows.filter(blocked=False).exclude(expired)
    listing = Listing(request, rows, columns=COLUMNS, default="token")
    values = {"section": "tokens", "filters": filters, "listing": listing, "form": form, "now": now}
    return render_page(request, "tokens", values, status=status)


@page
def tokens(request: HttpRequest) -> HttpResponse:
    return _show(request, TokenForm())


@action("write")
def add(request: HttpRequest) -> HttpResponse:
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            token = add_id_token(form.cleaned_data.pop("id_token"), now=timezone.now(), **form.cleaned_data)
        except TokenRefusal as refusal:
            text = str(refusal)
            form.add_error(refusal.field, text[:1].upper() + text[1:] + ".")
        else:
            messages.success(request, f"{token.id_token} was added and may charge.")
            for warning in id_token_warnings(token.id_token):
                messages.warning(request, warning)
            return redirect("console:tokens")
    return _show(request, form, status=422)


@action("write")
def block(request: HttpRequest, pk: int) -> HttpResponse:
    """Block or, with `blocked=no`, unblock a token."""
    token = get_object_or_404(IdToken, pk=pk)
    if request.POST.get("blocked") == "no":
        unblock_id_token(token, now=timezone.now())
        messages.success(request, f"{token.id_token} may charge again.")
    else:
        block_id_token(token, now=timezone.now())
        messages.warning(
            request, f"{token.id_token} is blocked. What it charges now goes on until it is stopped."
        )
    return moved(request, reverse("console:tokens"))
