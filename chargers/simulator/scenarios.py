"""What a fleet can be told to do: a table of scenarios, each a mix of behaviours."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chargers.simulator.quirks import QUIRKS

Span = tuple[float, float]  # from, to


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure that comes and clears: `status` of the connector meanwhile, and whether charging must end."""

    code: str  # errorCode of StatusNotification
    info: str
    idle_status: str
    ends_charging: bool


FAULTS: tuple[Fault, ...] = (
    Fault("GroundFailure", "residual current 6 mA DC", "Faulted", ends_charging=True),
    Fault("EVCommunicationError", "control pilot lost", "Faulted", ends_charging=False),
    Fault("ConnectorLockFailure", "lock does not close", "Faulted", ends_charging=True),
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one charger spends its days. Spans are simulated seconds unless they say otherwise."""

    gap: float | None = None  # mean time without a car at a connector; None: nobody comes
    first_gap: float = 60.0  # mean time to the first car
    stay: Span = (1200, 5400)  # how long a car stays
    visits: int | None = None  # cars per charger before it rests for ever, all at connector 1
    fault_gap: float | None = None  # mean time between failures
    fault_span: Span = (180, 900)
    line_cut_every_real: Span | None = None  # real seconds between two reconnects
    outage_every: Span | None = None
    outage_span: Span = (120, 360)
    update_failure: float = 0.0  # how likely a download, and an installation, of firmware fails
    quirks: tuple[str, ...] = ()  # names of QUIRKS
    hardware: str | None = None  # kind; None: any


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named mix: the charger at place i gets the behaviour at i, or one of `rest` in turn."""

    description: str
    rest: tuple[Behaviour, ...]
    first: tuple[Behaviour, ...] = ()
    quirky: frozenset[Behaviour] = frozenset()  # behaviours to be dressed with quirks
    speed: float = 1.0  # unless the user says otherwise


IDLE = Behaviour()
BUSY = Behaviour(gap=2700)
BUSY_LATER = replace(BUSY, first_gap=900)  # so that not all cars come in the first minute
CALM = Behaviour(gap=5400, first_gap=1800)
CHARGE = Behaviour(gap=0, first_gap=0, stay=(900, 1500), visits=1)
FAULTY = replace(BUSY, fault_gap=900, update_failure=0.6)
FLAPPING = replace(BUSY, line_cut_every_real=(8, 25))
OFFLINE = replace(BUSY, gap=300, first_gap=20, outage_every=(300, 900), stay=(900, 2700))
BAD_MANNERED = replace(BUSY, gap=240, first_gap=20, stay=(600, 1200))
ALWAYS_CHARGING = Behaviour(gap=60, first_gap=5, stay=(1800, 3600), hardware="dc150")

SCENARIOS: dict[str, Scenario] = {
    "idle": Scenario("boot and heartbeat; cars come only by remote start", (IDLE,)),
    "busy": Scenario("cars come, charge and go", (BUSY,)),
    "charge": Scenario("each charger charges one car at once; the run ends when all have", (CHARGE,)),
    "faults": Scenario("busy, with failures that come and clear, also of firmware updates", (FAULTY,)),
    "flapping": Scenario("busy, with a new connection every 8 to 25 real seconds", (FLAPPING,)),
    "offline": Scenario(
        "busy, with outages of minutes; what happened meanwhile is reported after", (OFFLINE,)
    ),
    "quirky": Scenario("one or two bad manners each", (BAD_MANNERED,), quirky=frozenset({BAD_MANNERED})),
    "demo": Scenario(
        "a bit of everything, to make a console look alive (ten times as fast unless --speed says otherwise)",
        rest=(BUSY_LATER, IDLE, CALM, IDLE, BUSY_LATER),
        first=(
            ALWAYS_CHARGING,
            BUSY,
            FLAPPING,
            FAULTY,
            BAD_MANNERED,
            replace(OFFLINE, outage_every=(1800, 3600)),
        ),
        quirky=frozenset({BAD_MANNERED}),
        speed=10.0,
    ),
}

# In a demo the quirks should show in the console without frightening: no lost stops, no forgotten starts.
TAME = ("null_payload", "blank_values", "extra_fields", "zoneless_time", "long_strings", "strange_enums")


def behaviour(name: str, index: int, rng: random.Random, quirks: Sequence[str] = tuple(QUIRKS)) -> Behaviour:
    """The behaviour of the charger at this place (from 0) in the scenario of this name, with some of these quirks."""
    scenario = SCENARIOS[name]
    place = index - len(scenario.first)
    chosen = scenario.first[index] if place < 0 else scenario.rest[place % len(scenario.rest)]
    if chosen not in scenario.quirky:
        return chosen
    tame = [quirk for quirk in TAME if quirk in quirks]
    return replace(chosen, quirks=_some_quirks(index, rng, tame if name == "demo" else quirks))


def _some_quirks(index: int, rng: random.Random, among: Sequence[str]) -> tuple[str, ...]:
    """One quirk in turn, so that a large enough fleet shows all of them, and sometimes a second one."""
    first = among[index % len(among)]
    second = rng.choice(among)
    return (first, second) if rng.random() < 0.5 and second != first else (first,)
