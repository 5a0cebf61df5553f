"""The sub-pages of a charge point: what each is called, and which commands belong to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tab:
    """One sub-page; its fragment is `console/charge-point-tab/<slug>.html`."""

    slug: str
    title: str
    commands: tuple[str, ...] = ()


_TABS = (
    Tab(
        "configuration",
        "Configuration",
        ("get-configuration", "change-configuration", "set-authorization-key"),
    ),
    Tab("availability", "Availability", ("change-availability",)),
    Tab(
        "authorization-list",
        "Authorization list",
        ("send-local-list", "get-local-list-version", "clear-cache"),
    ),
    Tab("reservations", "Reservations", ("reserve-now", "cancel-reservation")),
    Tab(
        "charging-profiles",
        "Charging profiles",
        ("set-charging-profile", "clear-charging-profile", "get-composite-schedule"),
    ),
    Tab(
        "firmware",
        "Firmware & logs",
        ("update-firmware", "signed-update-firmware", "get-diagnostics", "get-log"),
    ),
    Tab(
        "certificates",
        "Certificates",
        (
            "extended-trigger-message",
            "get-installed-certificate-ids",
            "install-certificate",
            "delete-certificate",
        ),
    ),
    Tab("security-events", "Security events"),
    Tab("events", "Events"),
    Tab("deviations", "Deviations"),
    Tab("traits", "Traits"),
)
TABS = {tab.slug: tab for tab in _TABS}
