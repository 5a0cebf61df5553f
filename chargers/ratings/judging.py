"""What follows from what is known of a charge point's power: pure, and it never guesses by a name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from chargers.ratings.models import Rating
from chargers.traits.values import Traits

Supply, Source = Rating.Supply, Rating.Source

AC_MOST_W = 44_000  # IEC 62196-2: 63 A on three phases at 400 V; no connector for AC gives more
AC_MOST_V = 450  # between the phases of a grid of 400 V, with some tolerance
# OCPP 1.6, 9.1.8: "0.RST, 1.RST, 2.RTS"; NotApplicable for one phase and for DC, Unknown where nobody knows.
_THREE_PHASES = re.compile(r"(?:^|[,\s])(?:([0-9]+)\.)?\s*(?:RST|RTS|SRT|STR|TRS|TSR)\b", re.IGNORECASE)
KEYS = ("connectorphaserotation", "connectorswitch3to1phasesupported")


@dataclass(frozen=True, slots=True)
class Seen:
    """The highest that readings told; None where they told nothing."""

    power_w: int | None = None
    voltage_v: int | None = None
    phases: int | None = None
    offered_w: int | None = None


Evidence = tuple[str, str | int, str, str]
"""Which fact ("supply", "power", "phases"), its value, its source, and what says so, for people."""


@dataclass(slots=True)
class Judgement:
    """What is known; the evidence has it all, the strongest first."""

    supply: str = ""
    supply_source: str = ""
    power_w: int | None = None
    power_source: str = ""
    phases: int | None = None
    evidence: list[Evidence] = field(default_factory=list)


def judge(traits: Traits, configuration: Mapping[str, str], seen: Seen) -> Judgement:
    """Return what is known of a charge point. `configuration` has the values of KEYS, names folded."""
    found = [*_said(traits), *_configured(configuration), *_measured(seen)]
    judgement = Judgement(evidence=found)
    said = [(value, source) for fact, value, source, _ in found if fact == "supply"]
    if said:
        kinds = {value for value, source in said if source == said[0][1] or said[0][1] != Source.TRAIT}
        judgement.supply = str(kinds.pop()) if len(kinds) == 1 else Supply.BOTH.value
        judgement.supply_source = said[0][1]
    for fact, value, source, _ in found:
        if fact == "power" and judgement.power_w is None:
            judgement.power_w, judgement.power_source = int(value), source
        if fact == "phases" and judgement.phases is None:
            judgement.phases = int(value)
    return judgement


def _said(traits: Traits) -> list[Evidence]:
    found: list[Evidence] = []
    if traits.supply:
        found.append(("supply", traits.supply, Source.TRAIT.value, f"the trait supply is {traits.supply}"))
    if traits.connector_max_kw:
        text = f"the trait connector_max_kw is {traits.connector_max_kw}"
        found.append(("power", traits.connector_max_kw * 1000, Source.TRAIT.value, text))
    return found


def _configured(configuration: Mapping[str, str]) -> list[Evidence]:
    found: list[Evidence] = []
    source = Source.CONFIGURATION.value
    rotation = configuration.get("connectorphaserotation", "")
    # Connector 0 is the station's own meter: that has three phases at charge points for DC, too.
    if any(match[1] != "0" for match in _THREE_PHASES.finditer(rotation)):
        text = f"ConnectorPhaseRotation is {rotation[:100]}"
        found += [("supply", Supply.AC.value, source, text), ("phases", 3, source, text)]
    if configuration.get("connectorswitch3to1phasesupported", "").strip().lower() == "true":
        found.append(("supply", Supply.AC.value, source, "ConnectorSwitch3to1PhaseSupported is true"))
    return found


def _measured(seen: Seen) -> list[Evidence]:
    found: list[Evidence] = []
    source = Source.READINGS.value
    if seen.phases:
        text = f"readings name {seen.phases} of the phases L1 to L3 at the outlet"
        found += [("supply", Supply.AC.value, source, text), ("phases", seen.phases, source, text)]
    highest = max(seen.power_w or 0, seen.offered_w or 0)
    if highest > AC_MOST_W:
        text = f"{highest / 1000:.1f} kW were read; connectors for AC give {AC_MOST_W // 1000} kW at most"
        found.append(("supply", Supply.DC.value, source, text))
    elif not seen.phases and (seen.voltage_v or 0) > AC_MOST_V:
        text = f"{seen.voltage_v} V were read, more than a grid of 400 V has"
        found.append(("supply", Supply.DC.value, source, text))
    if seen.offered_w:
        text = f"Power.Offered was {seen.offered_w / 1000:.1f} kW at most"
        found.append(("power", seen.offered_w, Source.OFFERED.value, text))
    if seen.power_w:
        text = f"the highest power read was {seen.power_w / 1000:.1f} kW"
        found.append(("power", seen.power_w, source, text))
    return found
