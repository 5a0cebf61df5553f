"""Boots of OCPP 2.0.1 and who is asked about them, without a wire."""

from typing import Any

import pytest

from chargers.handling import Call, Question
from chargers.models import ChargePoint
from chargers.ocpp201 import CALLS, facts_of
from chargers.protocol.errors import Fault, OcppError
from csms.core.backend.answers import RegistrationVerdict
from tests.conformance.v201.cast import BOOT
from tests.support.house import fresh, settings_are
from tests.transactions.cast import NOON, Wireless201

pytestmark = pytest.mark.django_db


def serial(number: str) -> dict[str, Any]:
    return BOOT | {"chargingStation": {**BOOT["chargingStation"], "serialNumber": number}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("names", "told", "served"),
    [
        ((), "SN-2", True),  # it has shown no certificate
        (("SN-1",), "sn-1", True),
        (("SN-1", "OCA"), "SN-1", True),
        (("SN-1",), "", True),  # it tells none
        (("cs201",), "SN-2", True),  # the certificate names this charge point, whatever its hardware
        (("SN-1",), "SN-2", False),
        (("SN-1", "OCA"), "SN-2", False),
    ],
)
def test_whose_certificate_has_another_serial_number_is_hung_up_on(
    names: tuple[str, ...], told: str, served: bool, django_capture_on_commit_callbacks: Any
):
    station = Wireless201()
    closed: list[tuple[int, str]] = []
    station.holder.certificate_names = names
    station.holder.hang_up = lambda code, reason: closed.append((code, reason))
    with django_capture_on_commit_callbacks(execute=True):
        if served:
            assert station.say("BootNotification", serial(told))["status"] == "Accepted"
        else:
            with pytest.raises(OcppError) as refused:
                CALLS["BootNotification"](Call(station.holder, "BootNotification", serial(told), NOON))
            assert refused.value.code is Fault.SECURITY
    assert closed == (
        [] if served else [(1008, "its certificate is not that of the serial number which it tells")]
    )
    assert fresh(station.row).serial_number == (told if served else "")


def test_what_a_station_says_of_itself_is_read_without_its_modem_too():
    assert facts_of(BOOT) == {"vendor": "Acme", "model": "Two"}
    station: dict[str, Any] = {"model": "M", "vendorName": "V", "modem": {"iccid": "1", "imsi": "2"}}
    facts = {"vendor": "V", "model": "M", "iccid": "1", "imsi": "2"}
    assert facts_of({"reason": "PowerUp", "chargingStation": station}) == facts


class Backend:
    """A backend that is asked about boots and notes what it was told."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def register(self, **values: Any) -> None:
        self.asked.append(values)


def test_the_backend_is_asked_with_the_same_words_as_about_one_of_16(monkeypatch: pytest.MonkeyPatch):
    backend = Backend()
    monkeypatch.setattr("chargers.registering.get_backend", lambda: backend)
    station = Wireless201()
    question = Question(station.holder, "BootNotification", serial("SN-1"), NOON, "m", "t-r-a")
    CALLS["BootNotification"].ask(question)  # type: ignore[union-attr]
    (asked,) = backend.asked
    assert asked["facts"] == {
        "vendor": "Acme",
        "model": "Two",
        "firmware_version": "",
        "serial_number": "SN-1",
    }
    assert (asked["cp_id"], asked["at"], asked["trace"]) == ("CS201", NOON, "tra")
    monkeypatch.setattr("chargers.registering.get_backend", lambda: None)
    assert CALLS["BootNotification"].ask(question) is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("said", "status", "interval"),
    [
        (RegistrationVerdict("Accepted", 120), "Accepted", 120),
        (RegistrationVerdict("Rejected", 60), "Rejected", 60),
        (RegistrationVerdict("Pending"), "Pending", 30),
    ],
)
def test_what_the_backend_says_is_answered_with_its_interval(
    said: RegistrationVerdict, status: str, interval: int
):
    station = Wireless201()
    with settings_are(CSMS_BOOT_RETRY_INTERVAL="30"):
        answer = CALLS["BootNotification"](Call(station.holder, "BootNotification", BOOT, NOON, said))
    assert (answer["status"], answer["interval"]) == (status, interval)
    assert station.holder.approved == (status == "Accepted")
    assert ChargePoint.objects.get().boot_reason == "PowerUp"
