"""GetConfiguration and ChangeConfiguration, 1.6 sections 5.3 and 5.8, and what is desired of charge points."""

from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.configuration.models import ConfigurationChange, ConfigurationKey, ConfigurationReading
from chargers.configuration.selectors import configuration
from chargers.configuration.services import desire_of_charge_point
from chargers.models import Command
from tests.conformance.v16.cast import CP16, cp16, eventually, fresh
from tests.support.house import House, now, settings_are

Status = Command.Status


def item(key: str, value: str | None, readonly: bool = False) -> dict[str, Any]:
    return {"key": key, "readonly": readonly} | ({} if value is None else {"value": value})


def keys(*items: dict[str, Any], unknown: list[str] | None = None) -> dict[str, Any]:
    return {"configurationKey": list(items)} | ({"unknownKey": unknown} if unknown else {})


def mirrored(charger: CP16, name: str) -> ConfigurationKey:
    return ConfigurationKey.objects.get(charge_point=charger.row, folded=name.casefold())


def drift(charger: CP16) -> dict[str, str]:
    return {state.name: str(state.drift) for state in configuration(fresh(charger.row)) if state.drift}


async def test_tc_019_1_get_configuration_all_keys(house: House):
    async with cp16(house) as charger:
        command = charger.order("get-configuration")
        assert await charger.expect("GetConfiguration") == {}
        await charger.answer(**keys(item("HeartbeatInterval", "300"), item("NumberOfConnectors", "2", True)))
        assert (await charger.settled(command)).status == Status.ACCEPTED
        assert (
            mirrored(charger, "HeartbeatInterval").value,
            mirrored(charger, "HeartbeatInterval").readonly,
        ) == (
            "300",
            False,
        )
        assert mirrored(charger, "NumberOfConnectors").readonly is True
        assert ConfigurationReading.objects.get(charge_point=charger.row).read_at is not None


async def test_tc_019_2_get_configuration_one_key(house: House):
    async with cp16(house) as charger:
        command = charger.order("get-configuration", keys=["SupportedFeatureProfiles"])
        assert await charger.expect("GetConfiguration") == {"key": ["SupportedFeatureProfiles"]}
        await charger.answer(
            **keys(item("SupportedFeatureProfiles", "Core, RemoteTrigger,Reservation", True))
        )
        await charger.settled(command)
        reading = ConfigurationReading.objects.get(charge_point=charger.row)
        assert reading.feature_profiles == ["Core", "RemoteTrigger", "Reservation"]
        assert reading.read_at is None, "one key is not the whole configuration"


async def test_msg_get_configuration_remembers_unknown_keys(house: House):
    async with cp16(house) as charger:
        await charger.hears("get-configuration", keys(unknown=["Nonsense"]), keys=["Nonsense"])
        assert (mirrored(charger, "Nonsense").known, mirrored(charger, "Nonsense").value) == (False, None)


async def test_msg_get_configuration_refused_with_an_error_changes_nothing(house: House):
    async with cp16(house) as charger:
        command = charger.order("get-configuration")
        await charger.expect("GetConfiguration")
        await charger.refuse("InternalError")
        assert (await charger.settled(command)).error_code == "InternalError"
        assert not ConfigurationKey.objects.filter(charge_point=charger.row).exists()


async def test_tc_021_change_configuration(house: House):
    async with cp16(house) as charger:
        command = charger.order("change-configuration", key="MeterValueSampleInterval", value="60")
        assert await charger.expect("ChangeConfiguration") == {
            "key": "MeterValueSampleInterval",
            "value": "60",
        }
        await charger.answer(status="Accepted")
        assert (await charger.settled(command)).status == Status.ACCEPTED
        # S16-21: it is read again.
        assert await charger.expect("GetConfiguration") == {"key": ["MeterValueSampleInterval"]}
        await charger.answer(**keys(item("MeterValueSampleInterval", "60")))
        await eventually(lambda: fresh(command).effect == "It now reports '60'.")
        assert mirrored(charger, "MeterValueSampleInterval").value == "60"


async def test_tc_040_1_change_configuration_not_supported(house: House):
    async with cp16(house) as charger:
        command = await charger.hears(
            "change-configuration", {"status": "NotSupported"}, key="Nonsense", value="1"
        )
        assert (command.status, command.answer_status) == (Status.REJECTED, "NotSupported")
        assert mirrored(charger, "Nonsense").known is False
        assert "change-configuration" not in fresh(charger.row).lacking, "it knows the command, not the key"


async def test_tc_040_2_change_configuration_rejected(house: House):
    async with cp16(house) as charger:
        command = await charger.hears(
            "change-configuration", {"status": "Rejected"}, key="MeterValueSampleInterval", value="-1"
        )
        assert (command.status, command.answer_status) == (Status.REJECTED, "Rejected")
        assert mirrored(charger, "MeterValueSampleInterval").refused_value == "-1"
        assert mirrored(charger, "MeterValueSampleInterval").value is None


async def test_msg_change_configuration_keeps_a_history_with_the_command(house: House):
    async with cp16(house) as charger:
        await charger.hears("get-configuration", keys(item("ConnectionTimeOut", "30")))
        command = await charger.hears("change-configuration", key="ConnectionTimeOut", value="60")
        await charger.expect("GetConfiguration")
        await charger.answer(**keys(item("ConnectionTimeOut", "60")))
        await eventually(lambda: fresh(command).effect)
        await charger.hears("get-configuration", keys(item("ConnectionTimeOut", "90")))
        changes = ConfigurationChange.objects.filter(charge_point=charger.row).order_by("pk")
        assert [(c.old_value, c.new_value, c.command_id) for c in changes] == [
            ("30", "60", command.pk),
            ("60", "90", None),  # somebody changed it at the charge point
        ]


async def test_s16_21_change_configuration_respects_readonly_and_needs_a_reset(house: House):
    async with cp16(house) as charger:
        await charger.hears(
            "get-configuration",
            keys(item("NumberOfConnectors", "1", True), item("WebSocketPingInterval", "30")),
        )
        with pytest.raises(CommandRefused, match="read-only") as refused:
            charger.order("change-configuration", key="numberofconnectors", value="2")
        assert "key" in refused.value.errors
        with pytest.raises(CommandRefused):
            charger.order("change-configuration", key="WebSocketPingInterval", value="x" * 501)

        desire_of_charge_point(charger.row, {"WebSocketPingInterval": "60"}, by="alice", now=now())
        assert drift(charger) == {"WebSocketPingInterval": "differs"}
        command = await charger.hears(
            "change-configuration", {"status": "RebootRequired"}, key="WebSocketPingInterval", value="60"
        )
        assert command.status == Status.ACCEPTED
        assert await charger.expect("GetConfiguration") == {"key": ["WebSocketPingInterval"]}
        await charger.answer(**keys(item("WebSocketPingInterval", "30")))
        await eventually(
            lambda: Command.objects.filter(charge_point=charger.row, status="accepted").count() == 3
        )
        assert drift(charger) == {"WebSocketPingInterval": "needs_reboot"}
        with settings_are(CSMS_CONFIGURATION_SETTLE="0"):
            await charger.boot()
            assert await charger.expect("GetConfiguration") == {}
        await charger.answer(**keys(item("WebSocketPingInterval", "60")))
        await eventually(lambda: drift(charger) == {"WebSocketPingInterval": "in_sync"})
        await eventually(lambda: fresh(command).effect == "It now reports '60'.")


async def test_s16_22_get_configuration_limits(house: House):
    async with cp16(house) as charger:
        await charger.hears("get-configuration", keys(item("GetConfigurationMaxKeys", "2", True)))
        charger.order("get-configuration", keys=["A", "B", "C", "D", "a", "E"])
        for expected in (["A", "B"], ["C", "D"], ["E"]):
            assert await charger.expect("GetConfiguration") == {"key": expected}
            await charger.answer(**keys(unknown=expected))
        await eventually(
            lambda: ConfigurationKey.objects.filter(charge_point=charger.row, known=False).count() == 5
        )


async def test_s16_22_secrets_may_be_absent_and_are_never_kept(house: House):
    async with cp16(house) as charger:
        command = await charger.hears(
            "get-configuration",
            keys(item("AuthorizationKey", "00112233445566778899aabbccddeeff"), item("Empty", None)),
        )
        assert mirrored(charger, "AuthorizationKey").value is None
        assert mirrored(charger, "Empty").value is None
        assert "00112233" not in str(fresh(command).answer)


async def test_s16_23_only_use_supported_profiles(house: House):
    async with cp16(house, booted=False) as charger:
        with settings_are(CSMS_CONFIGURATION_SETTLE="0"):
            await charger.boot()
            assert await charger.expect("GetConfiguration") == {}  # after each accepted boot
        profiles = item("SupportedFeatureProfiles", "Core,Reservation", True)
        await charger.answer(**keys(profiles, item("NumberOfConnectors", "2", True)))
        await eventually(lambda: fresh(charger.row).lacking)
        lacking = fresh(charger.row).lacking
        assert "RemoteTrigger" in lacking["trigger-message"]["profile"]
        assert "reset" not in lacking
        # The list may be wrong, so it warns and does not refuse.
        assert (
            await charger.hears("trigger-message", requested_message="Heartbeat")
        ).status == Status.ACCEPTED
        await eventually(lambda: "trigger-message" not in fresh(charger.row).lacking)


async def test_s16_24_connector_discovery(house: House):
    async with cp16(house) as charger:
        await charger.status("Available", 1)
        await charger.hears("get-configuration", keys(item("NumberOfConnectors", "3", True)))
        assert [(c.number, c.status) for c in charger.row.connectors.all()] == [
            (1, "Available"),
            (2, ""),
            (3, ""),
        ]
        await charger.status("Preparing", 3)
        await eventually(lambda: charger.row.connectors.get(number=3).status == "Preparing")


async def test_s16_24_an_absurd_number_of_connectors_is_not_believed(house: House):
    async with cp16(house) as charger:
        await charger.hears("get-configuration", keys(item("NumberOfConnectors", "99999999999999", True)))
        assert not charger.row.connectors.exists()
