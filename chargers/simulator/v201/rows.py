"""How the tables of the device model are written: one short call for each variable of a component."""

from collections.abc import Callable, Iterable

from chargers.simulator.v201.variables import BOTH, READ, Place, Variable

Row = Callable[[Place], Variable]
Live = Callable[[], str]
YES = "true"
NO = "false"


def flag(name: str, value: str | Live, mutability: str = READ, instance: str = "") -> Row:
    return _row(name, value, "boolean", mutability, instance)


def integer(
    name: str,
    value: str | Live,
    low: float | None = None,
    high: float | None = None,
    mutability: str = READ,
    *,
    instance: str = "",
    unit: str = "",
    needs_reboot: bool = False,
) -> Row:
    return _row(name, value, "integer", mutability, instance, unit, low, high, needs_reboot=needs_reboot)


def decimal(
    name: str,
    value: str | Live,
    unit: str = "",
    high: float | None = None,
    more: dict[str, str] | None = None,
) -> Row:
    return _row(name, value, "decimal", unit=unit, high=high, monitored=True, more=more)


def text(
    name: str,
    value: str | Live,
    mutability: str = READ,
    *,
    low: float | None = None,
    high: float | None = None,
    instance: str = "",
) -> Row:
    return _row(name, value, "string", mutability, instance, low=low, high=high)


def when(name: str, value: str | Live, mutability: str = READ) -> Row:
    return _row(name, value, "dateTime", mutability)


def choice(
    name: str, value: str | Live, options: Iterable[str], mutability: str = READ, kind: str = "OptionList"
) -> Row:
    monitored = name in ("AvailabilityState", "Problem")
    return _row(name, value, kind, mutability, options=tuple(options), monitored=monitored)


def members(name: str, value: str | Live, options: Iterable[str], mutability: str = BOTH) -> Row:
    return choice(name, value, options, mutability, "MemberList")


def _row(
    name: str,
    value: str | Live,
    kind: str,
    mutability: str = READ,
    instance: str = "",
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    options: tuple[str, ...] = (),
    needs_reboot: bool = False,
    monitored: bool = False,
    more: dict[str, str] | None = None,
) -> Row:
    def made(place: Place) -> Variable:
        return Variable(
            place,
            name,
            "" if callable(value) else value,
            kind,
            mutability,
            instance,
            unit,
            low,
            high,
            options,
            needs_reboot,
            monitored,
            value if callable(value) else None,
            dict(more or {}),
        )

    return made


def built(table: dict[Place, list[Row]]) -> list[Variable]:
    """The variables of these components."""
    return [row(place) for place, rows in table.items() for row in rows]
