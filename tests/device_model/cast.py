"""CS201 without a wire: it is ordered, answers and reports, at a time of the test's choosing."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from chargers.commands.ledger import claim_next, settle_answer, settle_failure
from chargers.commands.ordering import Claimed
from chargers.commands.sending import send_command
from chargers.configuration.models import ConfigurationKey, ConfigurationReading
from chargers.configuration.selectors import configuration
from chargers.handling import Call, Holder
from chargers.models import ChargePoint, Command, Registration
from chargers.protocol import schemas
from chargers.protocol.versions import Version
from csms.routing import CALLS
from tests.api.cast import charge_point, online
from tests.conformance.v201.cast import device
from tests.support.house import ALICE, now

__all__ = ["NOW", "Station", "got", "later", "put", "values"]

NOW = now()
V201 = Version.V201


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Station:
    """A station of OCPP 2.0.1 that is online and was read, unless `limits` is None: then nobody knows its limits."""

    def __init__(self, cp_id: str = "CS201", limits: dict[str, int] | None = {}) -> None:  # noqa: B006
        self.row = online(charge_point(cp_id, vendor="Acme", model="Two"))
        ChargePoint.objects.filter(pk=self.row.pk).update(protocol=V201)
        self.row = ChargePoint.objects.get(pk=self.row.pk)
        if limits is not None:
            ConfigurationReading.objects.create(charge_point=self.row, read_at=NOW, stale=False)
            for name, value in limits.items():
                self.has(f"DeviceDataCtrlr/{name}", str(value), readonly=True)

    def has(self, name: str, value: str | None, **values: Any) -> ConfigurationKey:
        """It reported this before."""
        values = {"attribute": "Actual", "name": name, "value": value, "reported_at": NOW} | values
        return ConfigurationKey.objects.create(charge_point=self.row, folded=name.casefold(), **values)

    # -- what it is told --

    def order(self, slug: str, **params: Any) -> Command:
        return send_command(self.row, slug, params, author=ALICE, now=NOW)

    def claim(self, at: datetime = NOW) -> Claimed | None:
        """The next message that it gets; it keeps the official schema."""
        assert self.row.connection_id is not None
        claimed = claim_next(self.row.pk, connection_id=self.row.connection_id, version=V201, now=at)
        if claimed is not None:
            assert not list(schemas.request_schema(V201, claimed.action).complaints(claimed.payload))
        return claimed

    def next(self, at: datetime = NOW) -> Claimed:
        claimed = self.claim(at)
        assert claimed is not None
        return claimed

    def answer(self, claimed: Claimed, at: datetime = NOW, **payload: Any) -> Command:
        assert not list(schemas.response_schema(V201, claimed.action).complaints(payload))
        settle_answer(claimed.command_id, payload, version=V201, now=at)
        return Command.objects.get(pk=claimed.command_id)

    def fail(self, claimed: Claimed, code: str = "NotSupported") -> None:
        settle_failure(claimed.command_id, code=code, description="", now=NOW)

    def hears(self, slug: str, answer: dict[str, Any], **params: Any) -> Command:
        """Is ordered something and answers."""
        self.order(slug, **params)
        return self.answer(self.next(), **answer)

    # -- what it says --

    def say(self, action: str, payload: dict[str, Any], at: datetime = NOW) -> dict[str, Any]:
        holder = Holder(self.row.pk, self.row.cp_id, Registration.ACCEPTED, self.row.connection_id, V201)  # type: ignore[arg-type]
        with transaction.atomic():
            return CALLS[V201][action](Call(holder, action, payload, at))

    def reports(self, request_id: int, entries: Iterable[dict[str, Any]], at_once: int = 2) -> None:
        for part in device(request_id, entries, at_once):
            assert self.say("NotifyReport", part) == {}

    # -- what is known of it --

    def value(self, name: str) -> str | None:
        return ConfigurationKey.objects.get(charge_point=self.row, folded=name.casefold()).value

    def drift(self) -> dict[str, str]:
        states = configuration(ChargePoint.objects.get(pk=self.row.pk))
        return {state.name: str(state.drift) for state in states if state.drift}


def _named(name: str) -> dict[str, Any]:
    component, _, variable = name.partition("/")
    return {"component": {"name": component}, "variable": {"name": variable}}


def got(**results: Any) -> dict[str, Any]:
    """A GetVariables answer: `Component__Variable` = value, or a word in a tuple for what it does not give."""
    listed = []
    for name, value in results.items():
        word = {"attributeStatus": "Accepted", "attributeValue": value}
        if isinstance(value, tuple):
            word = {"attributeStatus": value[0]}
        listed.append(_named(name.replace("__", "/")) | word)
    return {"getVariableResult": listed}


def values(named: dict[str, str]) -> list[dict[str, str]]:
    """The parameter of set-variables."""
    return [{"key": name, "value": value} for name, value in named.items()]


def put(**results: str) -> dict[str, Any]:
    """A SetVariables answer: `Component__Variable` = word."""
    return {
        "setVariableResult": [
            _named(name.replace("__", "/")) | {"attributeStatus": word} for name, word in results.items()
        ]
    }
