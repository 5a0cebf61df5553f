"""Days and times that people type: between years whose every moment can be written in every time zone."""

from datetime import date, datetime
from typing import cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import Promise

FIRST_YEAR, LAST_YEAR = 1970, 9998  # as the API has it
YEARS = f"lies in the years {FIRST_YEAR} to {LAST_YEAR}."


def check_year(day: date) -> None:
    """Refuse a day or a time that could not be stored or shown. Raises ValidationError."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValidationError(f"A {'time' if isinstance(day, datetime) else 'day'} {YEARS}")


def in_zone() -> str:
    """Say in which time zone a time that is typed is understood: pages show times in the viewer's, forms take ours."""
    return f"In the time zone {settings.TIME_ZONE}."


def day_field(label: str | Promise) -> forms.DateField:
    """Return a field for a day."""
    limits = {"min": f"{FIRST_YEAR}-01-01", "max": f"{LAST_YEAR}-12-31"}
    return forms.DateField(
        label=cast(str, label),
        widget=forms.DateInput(attrs={"type": "date", "title": in_zone(), **limits}),
        error_messages={"invalid": "A day is written as in 2026-11-21."},
        validators=[check_year],
    )
