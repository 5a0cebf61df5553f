"""Human words for what is wrong with the network and with the house itself: how bad it is, how it stands."""

from django.utils.translation import gettext as _

from alerts.models import Severity
from console.words import Word


def severities() -> dict[str, Word]:
    """Return how soon somebody must look, in the language of the moment."""
    return {
        Severity.CRITICAL: Word(_("Critical"), "bad", _("Somebody is needed now: a driver cannot charge.")),
        Severity.WARNING: Word(_("Warning"), "wait", _("Somebody should look today.")),
        Severity.INFO: Word(_("Notice"), "idle", _("When there is time.")),
    }


def service_tones() -> dict[str, Word]:
    """Return how a part of the house stands, in the language of the moment."""
    return {
        "ok": Word(_("Works"), "ok", _("It was proved to work a moment ago.")),
        "wait": Word(_("Behind"), "wait", _("It works, and something waits for it.")),
        "bad": Word(_("Fails"), "bad", _("It does not work, or nothing has proved lately that it does.")),
        "idle": Word(_("Not in use"), "idle", _("Nothing was asked of it yet.")),
    }


FAMILIES = {"severity": severities, "service": service_tones}
