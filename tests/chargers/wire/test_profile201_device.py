"""Security and provisioning (blocks A and B) with the `ocpp` package's charge point of 2.0.1, an independent client."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from ocpp.routing import after, on
from ocpp.v201 import ChargePoint, call, call_result
from websockets.exceptions import InvalidStatus

from chargers.certificates import signing
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.configuration.models import ConfigurationKey
from chargers.models import Command
from chargers.reporting.services import apply_due
from chargers.security_events.models import SecurityEvent
from chargers.services import set_password
from tests.certificates.cast import csr, pem, root
from tests.chargers.wire.independent import independent, now
from tests.support.charger import eventually
from tests.support.house import House, fresh, known, order, settings_are
from tests.support.house import now as clock

V201: dict[str, Any] = {"subprotocol": "ocpp2.0.1", "response_timeout": 15}
OLD, NEW = "an old password of it", "the next password of it"
INTERVAL, LIMIT = "OCPPCommCtrlr/HeartbeatInterval", "DeviceDataCtrlr/ItemsPerMessage[GetVariables]"


@pytest.fixture
def own_ca(tmp_path: Path) -> Iterator[x509.Certificate]:
    ca = root("csms CA")
    (tmp_path / "ca.pem").write_text(ca.pem)
    (tmp_path / "ca.key").write_bytes(ca.key_pem)
    paths = {"CSMS_CA_CERTIFICATE": str(tmp_path / "ca.pem"), "CSMS_CA_KEY": str(tmp_path / "ca.key")}
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="own", **paths):
        yield ca.certificate


class Device(ChargePoint):
    """Has variables, a password among them, and a key of its own; takes no certificate that is not for that key."""

    def __init__(self, cp_id: str, socket: Any, values: dict[str, str], **options: Any) -> None:
        super().__init__(cp_id, socket, **options)
        self.values = values
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.chain: list[x509.Certificate] = []
        self.asked = ""
        self.rebooted = asyncio.Event()

    async def boot(self, reason: str) -> Any:
        told = {"model": "Two", "vendor_name": "Acme"}
        return await self.call(call.BootNotification(charging_station=told, reason=reason))

    @on("SetVariables")
    def on_set(self, set_variable_data: list[dict[str, Any]], **_: Any) -> call_result.SetVariables:
        results = []
        for entry in set_variable_data:
            name = address(entry)
            taken = name in self.values and name != LIMIT
            if taken:
                self.values[name] = entry["attribute_value"]
            results.append(
                {
                    "attribute_status": "Accepted" if taken else "Rejected",
                    "component": entry["component"],
                    "variable": entry["variable"],
                }
            )
        return call_result.SetVariables(set_variable_result=results)

    @on("GetVariables")
    def on_get(self, get_variable_data: list[dict[str, Any]], **_: Any) -> call_result.GetVariables:
        assert len(get_variable_data) <= int(self.values[LIMIT])
        results = []
        for entry in get_variable_data:
            result = {"component": entry["component"], "variable": entry["variable"]}
            if address(entry) in self.values:
                known = {"attribute_status": "Accepted", "attribute_value": self.values[address(entry)]}
            else:
                known = {"attribute_status": "UnknownVariable"}
            results.append(known | result)
        return call_result.GetVariables(get_variable_result=results)

    @on("GetBaseReport")
    def on_report(self, **_: Any) -> call_result.GetBaseReport:
        return call_result.GetBaseReport(status="Accepted")

    @after("GetBaseReport")
    async def after_report(self, request_id: int, **_: Any) -> None:
        # The parts come in the wrong order, one variable each.
        for number, (name, value) in reversed(list(enumerate(self.values.items()))):
            component, _, variable = name.partition("/")
            variable, _, instance = variable.partition("[")
            blind = variable == "BasicAuthPassword"
            entry = {
                "component": {"name": component},
                "variable": {"name": variable} | ({"instance": instance[:-1]} if instance else {}),
                "variable_attribute": [{"mutability": "WriteOnly"} if blind else {"value": value}],
            }
            await self.call(
                call.NotifyReport(
                    request_id=request_id,
                    generated_at=now(),
                    seq_no=number,
                    report_data=[entry],
                    tbc=number < len(self.values) - 1,
                )
            )

    @on("Reset")
    def on_reset(self, type: str, **_: Any) -> call_result.Reset:
        return call_result.Reset(status="Accepted" if type == "OnIdle" else "Rejected")

    @after("Reset")
    async def after_reset(self, **_: Any) -> None:
        self.rebooted.set()

    @on("TriggerMessage")
    def on_trigger(self, requested_message: str, **_: Any) -> call_result.TriggerMessage:
        known = requested_message == "SignChargingStationCertificate"
        return call_result.TriggerMessage(status="Accepted" if known else "NotImplemented")

    @after("TriggerMessage")
    async def after_trigger(self, requested_message: str, **_: Any) -> None:
        if requested_message == "SignChargingStationCertificate":
            request = pem(csr(self.id, self.key))
            use = "ChargingStationCertificate"
            self.asked = (await self.call(call.SignCertificate(csr=request, certificate_type=use))).status

    @on("CertificateSigned")
    def on_signed(self, certificate_chain: str, **_: Any) -> call_result.CertificateSigned:
        self.chain = x509.load_pem_x509_certificates(certificate_chain.encode())
        mine = self.chain[0].public_key() == self.key.public_key()
        return call_result.CertificateSigned(status="Accepted" if mine else "Rejected")


def address(entry: dict[str, Any]) -> str:
    instance = entry["variable"].get("instance")
    return f"{entry['component']['name']}/{entry['variable']['name']}" + (f"[{instance}]" if instance else "")


async def accepted(command: Command) -> Command:
    await eventually(lambda: fresh(command).status not in Command.OPEN)
    settled: Command = fresh(command)
    assert settled.status == Command.Status.ACCEPTED, settled.error_description
    return settled


async def test_a_station_changes_its_password_and_its_certificate(house: House, own_ca: x509.Certificate):
    row = known("SECURE201")
    set_password(row, OLD, by="alice", now=clock())
    values = {"SecurityCtrlr/BasicAuthPassword": OLD, LIMIT: "4"}
    with pytest.raises(InvalidStatus, match="401"):
        async with independent(house, row.cp_id, Device, password=NEW, values=values, **V201):
            raise AssertionError("it was let in by a wrong password")
    async with independent(house, row.cp_id, Device, password=OLD, values=values, **V201) as station:
        assert (await station.boot("PowerUp")).status == "Accepted"
        changed = await accepted(order(row, "set-authorization-key", key=NEW))
        assert values["SecurityCtrlr/BasicAuthPassword"] == NEW

        asked = "SignChargingStationCertificate"
        await accepted(order(row, "trigger-message", requested_message=asked))
        await eventually(lambda: station.asked == "Accepted")
        request = SigningRequest.objects.get(charge_point=row)
        signing.approve_request(request, by="alice", now=clock())
        await eventually(lambda: fresh(request).status == "installed")
        station.chain[0].verify_directly_issued_by(own_ca)
        own = InstalledCertificate.objects.get(charge_point=row, use="charge_point")
        assert own.pem == pem(station.chain[0]).strip()

        told = call.SecurityEventNotification(type="SettingSystemTime", timestamp=now(), tech_info="by hand")
        await station.call(told)
        assert SecurityEvent.objects.get(charge_point=row).info == "by hand"
    with pytest.raises(InvalidStatus, match="401"):
        async with independent(house, row.cp_id, Device, password=OLD, values=values, **V201):
            raise AssertionError("it was let in by the old password")
    async with independent(house, row.cp_id, Device, password=NEW, values=values, **V201):
        await eventually(lambda: fresh(changed).effect == "It signed in with the new password.")


async def test_a_station_is_read_in_parts_set_and_reset(house: House):
    row = known("DEVICE201")
    values = {INTERVAL: "300", "SecurityCtrlr/BasicAuthPassword": "secret", LIMIT: "2", "Odd/Words": "ü ✓"}

    def read() -> dict[str, str | None]:
        keys = ConfigurationKey.objects.filter(charge_point=row, known=True)
        return dict(keys.values_list("name", "value"))

    async with independent(house, row.cp_id, Device, values=values, **V201) as station:
        with settings_are(CSMS_CONFIGURATION_SETTLE="0"):
            assert (await station.boot("PowerUp")).interval > 0
        # It is read at its first contact; the parts may come in any order.
        await eventually(lambda: apply_due(now=clock()) or len(read()) == len(values))
        assert read() == values | {"SecurityCtrlr/BasicAuthPassword": None}
        await accepted(order(row, "change-configuration", key=INTERVAL, value="60"))
        await eventually(lambda: read()[INTERVAL] == "60")
        await accepted(order(row, "get-configuration", keys=[INTERVAL, "Odd/Words", "Odd/Nonsense"]))
        refused = order(row, "change-configuration", key=LIMIT, value="9")
        await eventually(lambda: fresh(refused).status == Command.Status.REJECTED)
        reset = await accepted(order(row, "reset", type="OnIdle"))
        await asyncio.wait_for(station.rebooted.wait(), 15)
    async with independent(house, row.cp_id, Device, values=values, **V201) as station:
        await station.boot("RemoteReset")
        await eventually(lambda: fresh(reset).effect == "The charge point booted: RemoteReset.")
