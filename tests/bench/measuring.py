"""The measurements: what is run, for how long, and what is taken from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import monotonic, sleep

from tests.bench.fleet import V201, OpenLoop
from tests.bench.gauges import Reading, Window, resident_kib, socket_slab_bytes
from tests.bench.stage import Stage, Trial

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much of everything. Seconds unless the name says otherwise."""

    rounds: int = 3
    rounds_begin_within: float = 80.0  # on a machine that is busy otherwise there are fewer rounds
    charge_points: int = 512
    warm_up: float = 1.5
    window: float = 4.0
    heartbeat_window: float = 1.5
    idle_connections: int = 2000
    latency_charge_points: int = 1000
    latency_rate: float = 200.0
    latency_seconds: float = 15.0


QUICK = Plan(
    rounds=1,
    charge_points=32,
    warm_up=0.2,
    window=0.5,
    heartbeat_window=0.3,
    idle_connections=100,
    latency_charge_points=50,
    latency_rate=50.0,
    latency_seconds=1.5,
)


@dataclass
class Series:
    """The windows of one configuration; its figures are their medians."""

    windows: list[Window] = field(default_factory=list)

    def median(self, name: str) -> float | None:
        """The median of one property of Window; None where it could not be read."""
        values = [getattr(window, name) for window in self.windows]
        return None if None in values else median(values)


@dataclass
class Idle:
    """Connections that have booted and wait. `kernel_kib` is None where it could not be read."""

    connections: int
    user_kib: float
    kernel_kib: float | None
    per_second: float
    server_ms: float


@dataclass
class Results:
    """Everything that the table shows; `idle201` are sockets of 2.0.1 of one server, by whether they are compressed."""

    series: dict[str, Series] = field(default_factory=dict)
    idle: Idle | None = None
    idle201: dict[bool, Idle] = field(default_factory=dict)
    latency: OpenLoop | None = None

    def add(self, name: str, window: Window) -> None:
        self.series.setdefault(name, Series()).windows.append(window)


# What is compared, turn by turn -> (database, grouped).
GROUPED, SINGLE = "PostgreSQL, grouped commits", "PostgreSQL, a commit per message"
SQLITE_GROUPED, SQLITE_SINGLE = "SQLite, grouped commits", "SQLite, a commit per message"
HEARTBEATS = "Heartbeats (PostgreSQL, grouped)"
# Of 2.0.1, grouped on PostgreSQL.
EVENTS = "TransactionEvents of 2.0.1"
COMPRESSED, TOKENS = f"{EVENTS}, compressed", f"{EVENTS}, tokens"
# Windows that begin later than it takes charge points to settle after their boots would measure how they are read.
UNREAD = {"CSMS_CONFIGURATION_SETTLE": "3600"}
CEILING = "load generator, empty answerer"


def measure(stage: Stage, plan: Plan, say: Say) -> Results:
    """Run everything in turn; raises BenchFailure as soon as a run is worth nothing."""
    results = Results()
    say("the load generator's own ceiling")
    ceiling(stage, plan, results)
    begun = monotonic()
    for turn in range(plan.rounds):
        if monotonic() - begun > plan.rounds_begin_within:
            break
        of = f"round {turn + 1} of {plan.rounds}"
        for name, grouped in ((GROUPED, True), (SINGLE, False)):
            say(f"{name}, {of}")
            throughput(stage, plan, results, name, "postgres", grouped)
            if grouped:
                say(f"{EVENTS}, {of}")
                events(stage, plan, results)
    for name, grouped in ((SQLITE_GROUPED, True), (SQLITE_SINGLE, False)):
        say(name)
        throughput(stage, plan, results, name, "sqlite", grouped)
    say(f"memory of {plan.idle_connections} idle connections")
    idle(stage, plan, results)
    say("memory of as many of 2.0.1, plain and compressed")
    idle201(stage, plan, results)
    say(f"latency at {plan.latency_rate:.0f} messages/s")
    latency(stage, plan, results)
    return results


def ceiling(stage: Stage, plan: Plan, results: Results) -> None:
    with stage.answerer() as (pid, fleet):
        fleet.connect(plan.charge_points)
        fleet.start_transactions()
        results.add(
            CEILING,
            fleet.pump_meter_values(plan.warm_up / 2, plan.window / 2, lambda: Reading.take(pid, None)),
        )


def throughput(stage: Stage, plan: Plan, results: Results, name: str, database: str, grouped: bool) -> None:
    with stage.trial(database, grouped=grouped) as trial:
        trial.fleet.connect(plan.charge_points)
        trial.fleet.start_transactions()
        results.add(name, trial.fleet.pump_meter_values(plan.warm_up, plan.window, trial.meter))
        if name == GROUPED:
            beaten = trial.fleet.pump_heartbeats(plan.warm_up / 2, plan.heartbeat_window, trial.meter)
            results.add(HEARTBEATS, beaten)


def events(stage: Stage, plan: Plan, results: Results) -> None:
    """Readings in TransactionEvents to one server: as they are, then with a token in each, then compressed."""
    with stage.trial("postgres", dialect=V201, more=UNREAD) as trial:
        fleet = trial.fleet
        fleet.connect(plan.charge_points)
        fleet.start_transactions()
        results.add(EVENTS, fleet.pump_meter_values(plan.warm_up, plan.window, trial.meter))
        fleet.rest()
        fleet.present_tokens()
        results.add(TOKENS, fleet.pump_meter_values(plan.warm_up / 2, plan.window, trial.meter))
        fleet.rest()
        fleet.connect(plan.charge_points, compressed=True)
        fleet.start_transactions()
        results.add(COMPRESSED, fleet.pump_meter_values(plan.warm_up, plan.window, trial.meter))


def idle(stage: Stage, plan: Plan, results: Results) -> None:
    """Growth of the server from some connections, which have warmed it up, to many more."""
    with stage.trial("postgres") as trial:
        trial.fleet.connect(min(100, plan.idle_connections // 10))
        sleep(0.5)
        results.idle = grown(trial, plan.idle_connections)


def idle201(stage: Stage, plan: Plan, results: Results) -> None:
    """The same of OCPP 2.0.1, and then of as many compressed ones beside them."""
    with stage.trial("postgres", dialect=V201) as trial:
        for compressed in (False, True):
            trial.fleet.connect(min(100, plan.idle_connections // 10), compressed=compressed)
        for compressed in (False, True):
            sleep(0.5)
            results.idle201[compressed] = grown(trial, plan.idle_connections, compressed=compressed)


def grown(trial: Trial, count: int, *, compressed: bool = False) -> Idle:
    """Connect and boot many charge points, and return what each costs."""
    resident, slabs = resident_kib(trial.pid), socket_slab_bytes()
    begin, begun = trial.meter(), monotonic()
    trial.fleet.connect(count, compressed=compressed)
    seconds = monotonic() - begun
    used = trial.meter().server - begin.server
    sleep(0.5)
    after = socket_slab_bytes()
    return Idle(
        connections=count,
        user_kib=(resident_kib(trial.pid) - resident) / count,
        # Both ends of each connection are on this machine.
        kernel_kib=None if slabs is None or after is None else (after - slabs) / 1024 / 2 / count,
        per_second=count / seconds,
        server_ms=1000 * used / count,
    )


def latency(stage: Stage, plan: Plan, results: Results) -> None:
    with stage.trial("postgres") as trial:
        trial.fleet.connect(plan.latency_charge_points)
        trial.fleet.start_transactions()
        results.latency = trial.fleet.pace_meter_values(
            plan.latency_rate, plan.latency_seconds, min(2.0, plan.warm_up)
        )
