"""Prints what was measured, how it is known that the server was what was measured, and which goals were met."""

from collections.abc import Sequence
from math import ceil
from statistics import median

from tests.bench.durability import Findings
from tests.bench.measuring import (
    CEILING,
    COMPRESSED,
    EVENTS,
    GROUPED,
    SINGLE,
    TOKENS,
    Idle,
    Plan,
    Results,
    Series,
)

GOAL_RATIO = 8.0
GOAL_PER_SERVER_SECOND = 5_000
AIM_PER_SERVER_SECOND = 10_000
GOAL_EVENTS = 0.7  # of the rate of MeterValues
SATURATED = 0.9  # of the server's core

COLUMNS = (
    # title, property of Window, form
    ("msg/s", "per_second", "{:,.0f}"),
    ("msg per server CPU-s", "per_server_second", "{:,.0f}"),
    ("server µs/msg", "server_us", "{:.1f}"),
    ("client µs/msg", "client_us", "{:.1f}"),
    ("PostgreSQL µs/msg", "database_us", "{:.1f}"),
    ("server core", "server_share", "{:.0%}"),
    ("client core", "client_share", "{:.0%}"),
)
NAME_WIDTH = 40


def table(results: Results, plan: Plan, findings: Findings) -> str:
    """The whole report as text."""
    rounds = len(results.series[GROUPED].windows)
    lines = [
        f"Durable MeterValues of 10 samples in running transactions: {plan.charge_points} charge points, one message "
        "in flight each;",
        f"CPU time by /proc, medians of {rounds} interleaved runs (SQLite, generator: 1 run).",
        "",
        " " * NAME_WIDTH + "  ".join(title for title, _, _ in COLUMNS),
    ]
    lines += [_row(name, series) for name, series in results.series.items()]
    lines += [
        "",
        *_ratio(results),
        *_events(results),
        *_bottleneck(results),
        "",
        *_idle(results),
        *_latency(results, plan),
    ]
    lines.append(
        f"durability: each server was killed (SIGKILL) under load; of {findings.acknowledged:,} acknowledged "
        f"readings lost = {findings.lost}, stored twice = {findings.doubled} (meter values, frames, events)"
    )
    return "\n".join([*lines, "", *goals(results)])


def goals(results: Results) -> list[str]:
    """One line a goal, met or not met."""
    reached = results.series[GROUPED].median("per_server_second") or 0.0
    ratio = _cost_ratio(results)
    return [
        _goal(f"grouped commits cost at least {GOAL_RATIO:g}x less server CPU", f"{ratio:.1f}x", ratio >= GOAL_RATIO),
        *(
            _goal(
                f"{goal:,} durable MeterValues per server CPU-second{word}",
                f"{reached:,.0f}",
                reached >= goal,
            )
            for goal, word in ((GOAL_PER_SERVER_SECOND, ""), (AIM_PER_SERVER_SECOND, " (aim)"))
        ),
        _goal(
            f"TransactionEvents of 2.0.1 reach {GOAL_EVENTS:.0%} of the rate of MeterValues",
            f"{_share(results, EVENTS):.0%}",
            _share(results, EVENTS) >= GOAL_EVENTS,
        ),
    ]  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not exceeded by `share` of the values."""
    ordered = sorted(values)
    return ordered[max(ceil(len(ordered) * share) - 1, 0)]


def _goal(what: str, reached: str, met: bool) -> str:
    return f"goal {what}: {reached}, {'met' if met else 'not met'}"


def _row(name: str, series: Series) -> str:
    cells = []
    for title, prop, form in COLUMNS:
        value = series.median(prop)
        cells.append(("-" if value is None else form.format(value)).rjust(len(title)))
    return name.ljust(NAME_WIDTH) + "  ".join(cells)


def _cost_ratio(results: Results) -> float:
    grouped, single = results.series[GROUPED].median("server_us"), results.series[SINGLE].median("server_us")
    return single / grouped if grouped and single else 0.0


def _ratio(results: Results) -> list[str]:
    def runs(name: str) -> str:
        return ", ".join(f"{window.server_us:.0f}" for window in results.series[name].windows)

    return [
        f"ratio: a commit per message costs {_cost_ratio(results):.1f}x the server CPU of grouped commits "
        f"(µs/msg by run: {runs(SINGLE)} against {runs(GROUPED)})"
    ]


def _share(results: Results, name: str, of: str = GROUPED) -> float:
    """The rate per server CPU-second of one thing as a share of another's, the median of the rounds."""
    pairs = zip(results.series[name].windows, results.series[of].windows, strict=True)
    return median(one.per_server_second / other.per_server_second for one, other in pairs)


def _events(results: Results) -> list[str]:
    return [
        f"2.0.1: per server CPU-second TransactionEvents reach {_share(results, EVENTS):.0%} of MeterValues, "
        f"with a token in each {_share(results, TOKENS):.0%}, compressed {_share(results, COMPRESSED):.0%}"
    ]


def _bottleneck(results: Results) -> list[str]:
    grouped, ceiling = results.series[GROUPED], results.series[CEILING]
    share, client = grouped.median("server_share") or 0.0, grouped.median("client_share") or 0.0
    words = (
        "saturated"
        if share >= SATURATED
        else "not saturated, so msg/s is a lower bound; CPU per message holds"
    )
    return [
        f"bottleneck: grouped on PostgreSQL the server used {share:.0%} of its core ({words}), the generator "
        f"{client:.0%} of its own;",
        f"            against an answerer that does nothing the same generator reaches "
        f"{ceiling.median('per_second') or 0:,.0f} msg/s",
    ]


def _idle(results: Results) -> list[str]:
    plain, compressed = results.idle201.get(False), results.idle201.get(True)
    lines = []
    if idle := results.idle:
        lines += [
            f"memory: {_memory(idle)} per idle connection at {idle.connections:,} (resident size of the server after "
            "one BootNotification each)",
            f"connect and boot: {idle.per_second:,.0f}/s, {idle.server_ms:.2f} ms of server CPU each "
            "(charge points seen for the first time, registered on the way)",
        ]
    if plain and compressed:
        lines.append(
            f"of 2.0.1: {_memory(plain)} and {plain.server_ms:.2f} ms; compressed, beside them: {_memory(compressed)} "
            f"and {compressed.server_ms:.2f} ms"
        )
    return lines


def _memory(idle: Idle) -> str:
    kernel = "not readable here" if idle.kernel_kib is None else f"{idle.kernel_kib:.1f} KiB more"
    return f"{idle.user_kib:.1f} KiB (kernel: {kernel})"


def _latency(results: Results, plan: Plan) -> list[str]:
    loop = results.latency
    if loop is None:
        return []
    figures = ", ".join(
        f"{name} {1000 * percentile(loop.latencies, share):.1f} ms"
        for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    )
    return [
        f"latency at {plan.latency_rate:.0f} messages/s, {plan.latency_charge_points:,} charge points, open loop: "
        f"{figures} ({len(loop.latencies):,} messages, from the intended moment;",
        f"         the generator itself was late by p50 {1000 * percentile(loop.lateness, 0.5):.1f} ms, "
        f"p99 {1000 * percentile(loop.lateness, 0.99):.1f} ms)",
    ]
