"""Security events of OCPP 1.6 by its security white paper, edition 3."""

import json

import pytest

from chargers.security_events.models import SecurityEvent
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, at, cp16
from tests.support.house import House


def stored(charger: CP16) -> list[SecurityEvent]:
    return list(SecurityEvent.objects.filter(charge_point=charger.row).order_by("pk"))


async def test_msg_security_event_notification_is_stored_and_told(house: House):
    async with cp16(house) as charger:
        when = at(minutes=3)
        event = {"type": "TamperDetectionActivated", "timestamp": when, "techInfo": "lid open"}
        assert await charger.call("SecurityEventNotification", event) == {}
        [row] = stored(charger)
        assert (row.type, row.info, row.critical) == ("TamperDetectionActivated", "lid open", True)
        assert row.event_at.strftime("%Y-%m-%dT%H:%M:%SZ") == when
        assert row.received_at > row.event_at
        [told] = Event.objects.filter(type="cp.security_event", cp_id=charger.row.cp_id)
        payload = json.loads(told.payload)
        assert (payload["type"], payload["critical"], payload["known"]) == (row.type, True, True)
        assert payload["security_event_id"] == str(row.pk)


@pytest.mark.parametrize(
    ("type", "critical"),
    [
        ("FirmwareUpdated", True),
        ("SettingSystemTime", True),
        ("StartupOfTheDevice", True),
        ("ResetOrReboot", True),
        ("SecurityLogWasCleared", True),
        ("MemoryExhaustion", True),
        ("TamperDetectionActivated", True),
        ("FailedToAuthenticateAtCentralSystem", False),
        ("CentralSystemFailedToAuthenticate", False),
        ("ReconfigurationOfSecurityParameters", False),
        ("InvalidMessages", False),
        ("AttemptedReplayAttacks", False),
        ("InvalidFirmwareSignature", False),
        ("InvalidFirmwareSigningCertificate", False),
        ("InvalidCentralSystemCertificate", False),
        ("InvalidChargePointCertificate", False),
        ("InvalidTLSVersion", False),
        ("InvalidTLSCipherSuite", False),
        ("VendorsOwnEvent", False),
    ],
)
async def test_s16_73_every_event_is_kept_and_judged_by_the_list(house: House, type: str, critical: bool):
    async with cp16(house) as charger:
        assert await charger.call("SecurityEventNotification", {"type": type, "timestamp": at()}) == {}
        [row] = stored(charger)
        assert (row.type, row.info, row.critical) == (type, "", critical)


@pytest.mark.parametrize(
    ("payload", "type", "info", "timed"),
    [
        ({"type": "<script>alert(1)</script>", "timestamp": at()}, "<script>alert(1)</script>", "", True),
        ({"type": "x" * 500, "techInfo": "é" * 9000, "timestamp": at()}, "x" * 500, "é" * 9000, True),
        ({"type": "ResetOrReboot", "timestamp": "222222017-10-27T19:10:11Z"}, "ResetOrReboot", "", False),
        ({"type": "ResetOrReboot", "timestamp": "1970-01-01T00:00:00Z"}, "ResetOrReboot", "", False),
        ({"type": "", "timestamp": at(), "techInfo": "'; DROP TABLE x; --"}, "", "'; DROP TABLE x; --", True),
        ({"type": "a\x00b", "timestamp": at()}, "ab", "", True),
        ({"type": 7, "timestamp": at(), "more": {"a": 1}}, "7", "", True),
    ],
    ids=["markup", "too long", "absurd time", "unset clock", "empty", "NUL", "number"],
)
async def test_s16_73_odd_and_hostile_events_are_kept_whole(
    house: House, payload: dict, type: str, info: str, timed: bool
):
    async with cp16(house) as charger:
        assert await charger.wire.result("SecurityEventNotification", payload) == {}
        [row] = stored(charger)
        assert (row.type, row.info, row.event_at is not None) == (type, info, timed)
        assert await charger.call("Heartbeat")
