"""The sub-pages of a charge point: what each is called, and which commands belong to it."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Tab:
    """One sub-page; its fragment is `console/charge-point-tab/<slug>.html`."""

    slug: str
    title: str | Promise
    commands: tuple[str, ...] = ()


_TABS = (
    Tab("commands", _("Commands")),
    Tab("transactions", _("Transactions")),
    Tab(
        "configuration",
        _("Configuration"),
        (
            "get-configuration",
            "change-configuration",
            "set-variables",
            "get-base-report",
            "get-report",
            "set-authorization-key",
        ),
    ),
    Tab("availability", _("Availability"), ("change-availability",)),
    Tab(
        "authorization-list",
        _("Authorization list"),
        ("send-local-list", "get-local-list-version", "clear-cache"),
    ),
    Tab("reservations", _("Reservations"), ("reserve-now", "cancel-reservation")),
    Tab(
        "charging-profiles",
        _("Charging profiles"),
        ("set-charging-profile", "clear-charging-profile", "get-composite-schedule"),
    ),
    Tab(
        "firmware",
        _("Firmware & logs"),
        ("update-firmware", "signed-update-firmware", "get-diagnostics", "get-log"),
    ),
    Tab(
        "certificates",
        _("Certificates"),
        (
            "extended-trigger-message",
            "get-installed-certificate-ids",
            "install-certificate",
            "delete-certificate",
        ),
    ),
    Tab("network", _("Network"), ("set-network-profile",)),
    Tab("security-events", _("Security events")),
    Tab("device-events", _("Device events")),
    Tab("events", _("Events")),
    Tab("frames", _("Frames")),
    Tab("connections", _("Connections")),
    Tab("deviations", _("Deviations")),
    Tab("traits", _("Traits")),
    Tab("audit", _("Audit")),
)
TABS = {tab.slug: tab for tab in _TABS}
