"""What is wrong with a connector, in words: by the standard's code, and by what vendors write beside it.

A vendor's words are looked for in its error code and its text; they say more than the standard's code.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chargers.models import Connector
from console.words import Explanation, explain_error

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Vendor:
    """What vendors commonly report: `pattern` finds it in their words."""

    pattern: re.Pattern[str]
    means: Text
    do: Text


def _vendor(words: str, means: Text, do: Text) -> Vendor:
    return Vendor(re.compile(rf"(?<![a-z])(?:{words})", re.IGNORECASE), means, do)


# The first that is found counts: what endangers people stands first.
VENDORS: tuple[Vendor, ...] = (
    _vendor(
        r"emergency|e[- _]?stop|not[- ]?aus",
        _("The emergency stop was pressed."),
        _("Ask on site why. When nobody is in danger, have the button released; then reset."),
    ),
    _vendor(
        r"weld|stuck (?:contactor|relay)|contactor.{0,20}stuck|relay.{0,20}stuck",
        _("A contact seems to be welded: the connector may be live."),
        _("Take it out of service now and have it repaired; do not reset it to go on."),
    ),
    _vendor(
        r"insulation|isolation|iso[- _]?fault|imd",
        _("The insulation of cable, car or charge point is bad."),
        _("Unplug the car and try another. If it returns, have the cable and the output measured."),
    ),
    _vendor(
        r"rcd|rcm|residual|leakage|gfci?|ground[- _]?fault|dc[- _]?fault|6 ?ma",
        _("Current leaks to earth, and the protection has tripped."),
        _(
            "Have cable and car unplugged and the site checked by an electrician before it is switched on again."
        ),
    ),
    _vendor(
        r"pe (?:loss|missing|fault)|no earth|earth (?:loss|missing)|ground missing|protective earth",
        _("The protective earth is missing."),
        _("Take it out of service and send an electrician."),
    ),
    _vendor(
        r"tamper|door|cover open|housing open|tilt|vandal|intrusion",
        _("The housing was opened, tilted or tampered with."),
        _("Send somebody to look; then close the housing and reset."),
    ),
    _vendor(
        r"over[- _]?temp|over[- _]?heat|temperature|too hot|thermal|\bfan\b|cooling",
        _("Something in it is too hot, or its cooling fails."),
        _(
            "It often recovers by itself. If it returns, check fans, filters, the plug's contacts and the sun on it."
        ),
    ),
    _vendor(
        r"phase[- _]?(?:loss|missing|fail|rotation|sequence)|missing phase|no (?:mains|input|power)|input (?:loss|fail)"
        r"|power (?:loss|fail|outage)|mains fail",
        _("A phase or the whole supply is missing."),
        _("Ask the site to check fuses and the main switch."),
    ),
    _vendor(
        r"spd|surge",
        _("The surge protection is used up."),
        _("It can charge without, until the next thunderstorm: have the arrester replaced."),
    ),
    _vendor(
        r"rectifier|power[- _]?(?:module|unit|stage)|pfc|dc[- _]?dc|inverter|module (?:fault|offline|fail)",
        _("A power module does not work."),
        _("Reset it (Hard). It may go on with less power; have the module replaced."),
    ),
    _vendor(
        r"pilot|\bcp (?:fault|error|short)|control pilot|proximity|diode",
        _("The signal between cable and car is wrong."),
        _("Unplug and plug in again. With every car the same: the cable or its socket is damaged."),
    ),
    _vendor(
        r"lock|latch|actuator",
        _("The plug cannot be locked or released."),
        _(
            "Ask the driver to push the plug home; then Unlock connector. If it returns, the lock needs service."
        ),
    ),
    _vendor(
        r"modbus|meter|energy counter",
        _("The energy meter does not answer."),
        _("Sessions may lack energy figures. Reset it; then have the meter's line checked."),
    ),
    _vendor(
        r"can[- _]?(?:bus|error|timeout)|rs[- _]?485|board"
        r"|comm(?:unication)?[- _]?(?:fault|error|loss|lost|timeout|fail)",
        _("Parts inside of it do not talk to each other."),
        _("Reset it (Hard). If it returns, get diagnostics and ask the vendor."),
    ),
    _vendor(
        r"payment|terminal|rfid|reader|nfc",
        _("The card reader or payment terminal does not work."),
        _("Drivers can still be served by Start charging here; have the reader serviced."),
    ),
    _vendor(
        r"modem|\bsim\b|signal|network|4g|lte|gsm|ethernet|wifi|wlan",
        _("Its link to the network is bad."),
        _("Expect gaps. Check antenna, SIM card and router on site."),
    ),
    _vendor(
        r"flash|memory|storage|disk|file ?system|sd ?card|database|watchdog|crash|software|firmware",
        _("Its software or memory has a problem."),
        _(
            "Get diagnostics first, since a reset may wipe them; then reset, and ask the vendor about newer firmware."
        ),
    ),
    _vendor(
        r"display|screen|\bhmi\b|led",
        _("Its display does not work."),
        _("It can charge; drivers get no instructions. Have it serviced."),
    ),
)

# What may help, by the standard's code: commands of the catalogue, to be reached from the banner.
HELP: dict[str, tuple[str, ...]] = {
    "ConnectorLockFailure": ("unlock-connector", "reset"),
    "EVCommunicationError": ("reset",),
    "GroundFailure": ("change-availability",),
    "HighTemperature": ("change-availability",),
    "InternalError": ("get-diagnostics", "reset"),
    "LocalListConflict": ("send-local-list",),
    "OtherError": ("get-diagnostics", "reset"),
    "OverCurrentFailure": ("reset", "change-availability"),
    "OverVoltage": ("change-availability",),
    "PowerMeterFailure": ("reset", "get-diagnostics"),
    "PowerSwitchFailure": ("change-availability",),
    "ReaderFailure": ("remote-start", "reset"),
    "ResetFailure": ("get-diagnostics",),
    "UnderVoltage": ("change-availability",),
    "WeakSignal": ("get-diagnostics",),
}
HELP_OTHERWISE = ("trigger-message", "get-diagnostics", "reset")


@dataclass(frozen=True, slots=True)
class Fault:
    """A connector that reports a fault: the connector, what its code means, what its vendor's words say, what helps."""

    connector: Connector
    explained: Explanation
    vendor: Vendor | None
    help: tuple[str, ...]

    @property
    def stops(self) -> bool:
        """Whether nobody can charge there; otherwise it is a warning."""
        return bool(self.connector.status == "Faulted")


def vendor_words(connector: Connector) -> Vendor | None:
    """Return what the vendor's words are known to mean; None for what nobody here has seen."""
    said = f"{connector.vendor_error_code} {connector.info}"[:500]
    return next((one for one in VENDORS if one.pattern.search(said)), None)


def faults(connectors: Iterable[Connector]) -> list[Fault]:
    """Return the connectors that report a fault, those that cannot charge first."""
    found = []
    for connector in connectors:
        explained = explain_error(connector.status, connector.error_code)
        if explained is not None:
            help = HELP.get(connector.error_code, HELP_OTHERWISE)
            found.append(Fault(connector, explained, vendor_words(connector), help))
    return sorted(found, key=lambda fault: (not fault.stops, fault.connector.number))
