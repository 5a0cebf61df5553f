"""The forms of id tokens: one that is added, and what may be changed of one."""

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from console.days import check_year, in_zone
from csms.core.id_tokens import TYPES
from transactions.models import IdToken
from transactions.tokens import ACTIVE_MAX, ID_TOKEN_MAX, LABEL_MAX, MESSAGE_MAX, TokenRefusal


class PlacesField(forms.CharField):
    """Places with blanks between, as people type them; a list for those who read the form."""

    def prepare_value(self, value: Any) -> Any:
        return " ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return str(super().to_python(value)).split()


class TokenChangeForm(forms.Form):
    """What people may change of a token; blocking has a form of its own, with its reason."""

    label = forms.CharField(
        label=_("Label"), max_length=LABEL_MAX, required=False, help_text=_("Whose it is; for people.")
    )
    parent = forms.CharField(
        label=_("Group"),
        max_length=ID_TOKEN_MAX,
        required=False,
        help_text=_("Tokens of one group may stop each other's charging (parentIdTag)."),
    )
    expires_at = forms.DateTimeField(
        label=_("Expires"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        validators=[check_year],
        help_text=format_lazy("{zone} {never}", zone=in_zone(), never=_("Empty: never.")),
    )
    max_active = forms.IntegerField(
        label=_("Transactions at a time"),
        min_value=0,
        max_value=ACTIVE_MAX,
        required=False,
        help_text=_("Empty: no limit."),
    )
    evses = PlacesField(
        label=_("Where"),
        required=False,
        help_text=_(
            "Charge points and EVSEs with blanks between: CP-1, CP-1/2 for its EVSE 2, or 2 for that of any. "
            "Empty: everywhere."
        ),
    )
    language = forms.CharField(
        label=_("Language"),
        max_length=8,
        required=False,
        help_text=_("Of its driver, as in de or de-CH (OCPP 2.x)."),
    )
    personal_message = forms.CharField(
        label=_("Message"),
        max_length=MESSAGE_MAX,
        required=False,
        help_text=_("That charge points of OCPP 2.x which show texts tell its driver."),
    )

    def __init__(self, data: Any = None, token: IdToken | None = None) -> None:
        initial = (
            {} if token is None else {name: getattr(token, name) for name in TokenChangeForm.base_fields}
        )
        super().__init__(data, auto_id="token-%s", initial=initial)
        for field in self.fields.values():
            field.widget.attrs |= {"class": "form-control", "autocomplete": "off"}


class TokenForm(TokenChangeForm):
    """A token to register."""

    id_token = forms.CharField(
        label=_("Token"),
        max_length=ID_TOKEN_MAX,
        help_text=_(
            "As the charge point reads it from the card; OCPP 1.6 has up to 20 characters, 2.x up to 36, in any case."
        ),
    )
    type = forms.ChoiceField(
        label=_("Type"),
        choices=[("", _("Any")), *((word, word) for word in TYPES)],
        required=False,
        help_text=_("In the words of OCPP 2.x. Of a key code only a digest is kept, which is its name then."),
    )
    field_order = ("id_token", "type", *TokenChangeForm.base_fields)


def show_refusal(form: forms.Form, refusal: TokenRefusal) -> None:
    """Show at its field why a value was refused."""
    text = str(refusal)
    form.add_error(refusal.field if refusal.field in form.fields else None, text[:1].upper() + text[1:] + ".")
