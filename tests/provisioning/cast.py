"""A charging station that is set up: what it is told is claimed and answered without a wire."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from chargers.commands.ledger import claim_next, settle_answer, settle_failure
from chargers.commands.ordering import SYSTEM, CommandType, Order, Params
from chargers.commands.sending import send_command
from chargers.configuration.models import ConfigurationKey
from chargers.models import ChargePoint, Command, Connection, Process
from chargers.protocol.versions import Version
from chargers.provisioning import steps
from chargers.provisioning.models import ProvisioningRun
from chargers.reporting.models import Report
from chargers.traits.selectors import traits_of
from chargers.traits.services import set_charge_point_traits
from csms import routing
from tests.conformance.v201.cast import BOOT
from tests.support.house import fresh
from tests.transactions.cast import NOON, Wireless201

BEFORE = {"provisioning": "before"}
SAID = {"get-base-report": "GetBaseReport", "set-authorization-key": "SetVariables"}


class Station(Wireless201):
    """One that is connected, approved and new, and is to be set up first."""

    def __init__(self, cp_id: str = "CS201", **traits: Any) -> None:
        super().__init__(cp_id)
        set_charge_point_traits(self.row, traits or BEFORE, now=NOON)
        self.comes_back()
        self.clock = 0.0  # seconds after noon

    def comes_back(self) -> None:
        """It is connected, anew."""
        self.reconnect()
        process = Process.objects.create(host="here", pid=1, started_at=NOON, seen_at=NOON)
        Connection.objects.create(
            id=self.holder.connection_id,
            charge_point=self.row,
            process=process,
            protocol="ocpp2.0.1",
            opened_at=NOON,
        )
        ChargePoint.objects.filter(pk=self.row.pk).update(connection_id=self.holder.connection_id)
        self.holder.traits = traits_of(self.row)
        self.holder.registration = fresh(self.row).standing

    def goes(self) -> None:
        """Its line breaks."""
        ChargePoint.objects.filter(pk=self.row.pk).update(connection_id=None)

    @property
    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock)

    def boots(self, reason: str = "PowerUp") -> str:
        """Boot, and return the status of the answer."""
        self.clock += 1
        answer = self.say("BootNotification", BOOT | {"reason": reason}, self.clock / 60)
        return str(answer["status"])

    def told(self) -> tuple[UUID, str]:  # type: ignore[override]
        """The next command that it is sent, and its action; nothing is an error."""
        self.clock += 1
        claimed = claim_next(
            self.row.pk, connection_id=self.holder.connection_id, version=self.version, now=self.now
        )
        assert claimed is not None
        return claimed.command_id, claimed.action

    def answers(self, status: str = "Accepted", action: str = "") -> UUID:
        """Answer the next command."""
        command_id, told = self.told()
        assert action in ("", told)
        self.settles(command_id, status)
        return command_id

    def settles(self, command_id: UUID, status: str = "Accepted") -> None:
        """Answer a command that it was told."""
        settle_answer(command_id, {"status": status}, version=self.version, now=self.now)

    def loses(self) -> None:
        """Lose the line before the next command is answered."""
        command_id, _ = self.told()
        settle_failure(command_id, code="ConnectionLost", description="", now=self.now)

    @property
    def waits(self) -> bool:
        """Whether it has nothing to do."""
        return not Command.objects.filter(charge_point=self.row, status__in=Command.OPEN).exists()

    @property
    def run(self) -> ProvisioningRun:
        return ProvisioningRun.objects.get(charge_point=self.row)

    @property
    def outcomes(self) -> list[str]:
        return [f"{one['step']} {one['outcome']}" for one in self.run.steps]

    def needs_a_boot(self) -> None:
        """It took a change that counts after its next boot."""
        ConfigurationKey.objects.create(
            charge_point=self.row, name="A/B", folded="a/b", attribute="Actual", needs_reboot=True
        )


@pytest.fixture
def wishes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is desired, to fill. The version can say the commands of the steps, in the simplest way."""
    for slug, action in SAID.items():
        monkeypatch.setitem(routing.COMMANDS, slug, CommandType(slug, slug, Params, "", while_pending=True))
        monkeypatch.setitem(routing.ORDERS[Version.V201], slug, Order(action, dict))
    wished: list[str] = []

    def apply(charge_point: ChargePoint, *, now: datetime) -> int:
        for vendor in wished:  # a message of its vendor stands for a setting
            send_command(charge_point, "data-transfer", {"vendor_id": vendor}, author=SYSTEM, now=now)
        return len(wished)

    monkeypatch.setattr(steps, "apply_desired", apply)
    monkeypatch.setattr(steps, "SETTING", ("data-transfer",))
    return wished


def reported(command_id: UUID, row: ChargePoint, **values: Any) -> Report:
    """The report that a command asks for."""
    return Report.objects.create(
        charge_point=row, kind="variables", request_id=1, command_id=command_id, **values
    )
