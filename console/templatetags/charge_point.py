"""How the pages of a charge point write acts, health and limits."""

from datetime import datetime

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from chargers.diagnostics.models import Upload
from console.acts import act_words, detail_words, name_words
from console.templatetags.console import chip_html
from console.views.charge_point_configuration import by_component
from csms.core.audit.models import AuditEntry

register = template.Library()


register.filter("by_component", by_component)


@register.filter
def act(entry: AuditEntry) -> str:
    """Say what somebody did."""
    return act_words(entry.action)


@register.filter
def act_details(entry: AuditEntry) -> list[tuple[str, str]]:
    """Return what an act changed, in words."""
    return detail_words(entry.details)


@register.filter
def fact_name(name: str) -> str:
    """Write what people call a fact of a boot."""
    return name_words(name)


@register.filter
def upload_open(upload: Upload, now: datetime) -> bool:
    """Return whether something may still be uploaded to a URL."""
    return upload.used_at is None and upload.revoked_at is None and upload.expires_at > now


@register.filter
def upload_state(upload: Upload, now: datetime) -> SafeString:
    """Write what became of an upload URL."""
    if upload.used_at is not None:
        return chip_html(_("Used"), "ok", _("A file came by it."))
    if upload.revoked_at is not None:
        return chip_html(_("Closed"), "idle", _("Somebody closed it, or its order came to nothing."))
    if upload.expires_at <= now:
        return chip_html(_("Expired"), "idle", _("Nothing came in time."))
    return chip_html(_("Open"), "wait", _("One file may be uploaded to it."))
