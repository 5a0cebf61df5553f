"""Block A with the `ocpp` package's charge point of 2.0.1: a new password, a certificate, and a higher profile."""

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from ocpp.routing import after, on
from ocpp.v201 import ChargePoint, call, call_result
from websockets.exceptions import InvalidStatus

from chargers.certificates import signing
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.models import ChargePoint as Row
from chargers.models import Command
from chargers.network.models import ProfileChange
from chargers.network.selectors import slots_of
from chargers.network.services import change_profile
from chargers.reporting.services import apply_due
from chargers.services import set_password
from tests.certificates.cast import csr, pem, root
from tests.chargers.wire.independent import independent, now
from tests.support.charger import eventually
from tests.support.house import House, fresh, known, order, settings_are
from tests.support.house import now as moment

OLD, NEW = "the old password", "the new password: 2"
TLS = {"X-Forwarded-Proto": "https"}  # as the trusted proxy says it
ORDER = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
SECRET = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}


class Secured(ChargePoint):
    """Keeps in `store`, over its connections, what it was told of passwords, certificates and slots."""

    store: Any

    async def boots(self) -> str:
        about = {"model": "Two", "vendor_name": "Acme"}
        answer = await self.call(call.BootNotification(charging_station=about, reason="PowerUp"))
        return str(answer.status)

    @on("GetBaseReport")
    def asked(self, request_id: int, report_base: str, **_: Any) -> call_result.GetBaseReport:
        return call_result.GetBaseReport(status="Accepted")

    @after("GetBaseReport")
    async def reports(self, request_id: int, report_base: str, **_: Any) -> None:
        slots = {
            **ORDER,
            "variable_attribute": [{"value": self.store.priority, "mutability": "ReadWrite"}],
            "variable_characteristics": {
                "data_type": "SequenceList",
                "supports_monitoring": False,
                "values_list": "1,2",
            },
        }
        told = call.NotifyReport(
            request_id=request_id, generated_at=now(), seq_no=0, tbc=False, report_data=[slots]
        )
        await self.call(told)

    @on("SetVariables")
    def sets(self, set_variable_data: list[dict[str, Any]], **_: Any) -> call_result.SetVariables:
        results = []
        for one in set_variable_data:
            name = one["variable"]["name"]
            field = {"BasicAuthPassword": "password", "NetworkConfigurationPriority": "priority"}[name]
            setattr(self.store, field, one["attribute_value"])
            named = {"component": one["component"], "variable": one["variable"]}
            results.append({"attribute_status": "Accepted", **named})
        return call_result.SetVariables(set_variable_result=results)

    @on("GetVariables")
    def reads(self, get_variable_data: list[dict[str, Any]], **_: Any) -> call_result.GetVariables:
        read = []
        for one in get_variable_data:
            known = one["variable"]["name"] == "NetworkConfigurationPriority"
            named = {"component": one["component"], "variable": one["variable"]}
            value = {"attribute_value": self.store.priority} if known else {}
            read.append({"attribute_status": "Accepted" if known else "UnknownVariable", **value, **named})
        return call_result.GetVariables(get_variable_result=read)

    @on("TriggerMessage")
    def triggered(self, requested_message: str, **_: Any) -> call_result.TriggerMessage:
        return call_result.TriggerMessage(status="Accepted")

    @after("TriggerMessage")
    async def asks(self, requested_message: str, **_: Any) -> None:
        assert requested_message == "SignChargingStationCertificate"
        request = pem(csr(self.id, self.store.key))
        type = "ChargingStationCertificate"
        self.store.said = await self.call(call.SignCertificate(csr=request, certificate_type=type))

    @on("CertificateSigned")
    def signed(
        self, certificate_chain: str, certificate_type: str, **_: Any
    ) -> call_result.CertificateSigned:
        leaf = x509.load_pem_x509_certificates(certificate_chain.encode())[0]
        leaf.verify_directly_issued_by(self.store.ca)
        mine = leaf.public_key() == self.store.key.public_key()
        return call_result.CertificateSigned(status="Accepted" if mine else "Rejected")

    @on("SetNetworkProfile")
    def writes(
        self, configuration_slot: int, connection_data: dict[str, Any], **_: Any
    ) -> call_result.SetNetworkProfile:
        self.store.slots[configuration_slot] = connection_data["security_profile"]
        return call_result.SetNetworkProfile(status="Accepted")

    @on("Reset")
    def resets(self, type: str, **_: Any) -> call_result.Reset:
        self.store.reset = type
        return call_result.Reset(status="Accepted")


def signs_in(password: str, **headers: str) -> dict[str, Any]:
    login = "Basic " + base64.b64encode(f"SECURED:{password}".encode()).decode()
    return {"subprotocol": "ocpp2.0.1", "headers": {"Authorization": login, **headers}}


async def comes(house: House, store: Any, password: str, **headers: str) -> int:
    """The HTTP status of its handshake; 101 if it boots, too."""
    try:
        async with independent(house, "SECURED", Secured, **signs_in(password, **headers)) as station:
            station.store = store
            assert await station.boots() == "Accepted"
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_a_password_a_certificate_and_a_higher_profile(house: House, tmp_path: Path):
    row, ca = known("SECURED"), root("csms CA")
    Row.objects.filter(pk=row.pk).update(protocol="ocpp2.0.1")
    set_password(fresh(row), OLD, by="alice", now=moment())
    (tmp_path / "ca.pem").write_text(ca.pem)
    (tmp_path / "ca.key").write_bytes(ca.key_pem)
    key = ec.generate_private_key(ec.SECP256R1())
    store = SimpleNamespace(password=OLD, priority="1", slots={1: 1}, key=key, ca=ca.certificate, reset="")

    async with independent(house, "SECURED", Secured, **signs_in(OLD)) as station:
        station.store = store
        assert await station.boots() == "Accepted"
        rotated = order(row, "set-authorization-key", key=NEW)
        await eventually(lambda: fresh(rotated).status == Command.Status.ACCEPTED)
    assert store.password == NEW
    assert [await comes(house, store, password) for password in (OLD, NEW)] == [401, 101]
    await eventually(lambda: fresh(rotated).effect == "It signed in with the new password.")

    own = {
        "CSMS_CERTIFICATE_AUTHORITY": "own",
        "CSMS_CA_CERTIFICATE": str(tmp_path / "ca.pem"),
        "CSMS_CA_KEY": str(tmp_path / "ca.key"),
    }
    with settings_are(**own):
        async with independent(house, "SECURED", Secured, **signs_in(NEW)) as station:
            station.store = store
            order(row, "trigger-message", requested_message="SignChargingStationCertificate")
            request = await eventually(lambda: SigningRequest.objects.filter(charge_point=row).first())
            signing.approve_request(request, by="alice", now=moment())
            installed = InstalledCertificate.objects.filter(charge_point=row, removed_at=None)
            await eventually(lambda: [one.use for one in installed.all()] == ["charge_point"])
            assert store.said.status == "Accepted"

            order(row, "get-base-report")
            await eventually(lambda: apply_due(now=moment()) or slots_of(row.pk).allowed == (1, 2))
            await eventually(lambda: slots_of(row.pk).allowed == (1, 2))
            url = "wss://csms.example.org/ocpp"
            move = change_profile(fresh(row), 2, url, by="alice", now=moment(), prerequisites_met=True)
            await eventually(lambda: fresh(move).state == ProfileChange.State.AWAITED)
    assert (store.slots, store.priority, store.reset) == ({1: 1, 2: 2}, "2,1", "OnIdle")
    assert fresh(row).security_profile == 1, "nothing is closed before it is proven"
    assert await comes(house, store, NEW, **TLS) == 101
    assert (fresh(move).state, fresh(row).security_profile) == (ProfileChange.State.DONE, 2)
    assert await comes(house, store, NEW) == 403, "the lower one is refused from now on"
