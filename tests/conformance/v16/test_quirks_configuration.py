"""What real charge points do with configuration, availability and commands, and what becomes of it here."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from chargers.availability.selectors import availability
from chargers.commands import outgoing
from chargers.commands.ordering import SYSTEM
from chargers.commands.sending import send_command
from chargers.configuration import following
from chargers.configuration.models import (
    ConfigurationChange,
    ConfigurationKey,
    ConfigurationReading,
    DesiredValue,
)
from chargers.configuration.selectors import configuration
from chargers.configuration.services import desire_of_charge_point, desire_of_model
from chargers.models import Command, Connection, RefusedHandshake
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, again, cp16, eventually, fresh
from tests.support.charger import RawCharger
from tests.support.house import House, now, settings_are

Status = Command.Status


def reports(*values: tuple[str, str], readonly: bool = False) -> dict[str, Any]:
    return {"configurationKey": [{"key": k, "value": v, "readonly": readonly} for k, v in values]}


def drift(charger: CP16) -> dict[str, str]:
    return {state.name: str(state.drift) for state in configuration(fresh(charger.row)) if state.drift}


def readings(charger: CP16) -> Any:
    return Command.objects.filter(charge_point=charger.row, type="get-configuration")


def due(charger: CP16) -> datetime:
    at: datetime | None = ConfigurationReading.objects.get(charge_point=charger.row).due_at
    assert at is not None
    return at


@pytest.fixture
def at_once():
    """Configurations are read as soon as a charge point has booted."""
    with settings_are(CSMS_CONFIGURATION_SETTLE="0"):
        yield


# --- connections ------------------------------------------------------------------------------------------------------


async def test_quirk_t8_a_charge_point_that_boots_again_and_again_is_read_once_it_has_settled(house: House):
    async with cp16(house) as charger:
        first = due(charger)
        assert first - now() > timedelta(seconds=25)
    async with again(house, charger) as charger:
        assert due(charger) > first, "each boot lets it wait anew"
        following.read_due(now=first)
        assert not readings(charger).exists(), "nothing is sent while it comes and goes"
        settled = due(charger)
        following.read_due(now=settled)
        assert await charger.expect("GetConfiguration") == {}
        await charger.answer(configurationKey=[])
        await eventually(lambda: readings(charger).filter(status="accepted").count() == 1)
    async with again(house, charger) as charger:
        assert due(charger) - settled >= timedelta(minutes=10), "at most one burst"
        following.read_due(now=settled + timedelta(minutes=9))
        assert readings(charger).count() == 1


async def test_quirk_t9_one_that_redials_after_minutes_finds_what_it_left(house: House):
    async with cp16(house) as charger:
        await charger.status("Available", 1)
        await charger.hears("get-configuration", reports(("HeartbeatInterval", "300")))
    ended = now() - timedelta(minutes=19)
    await eventually(lambda: fresh(charger.row).connection_id is None)
    Connection.objects.filter(charge_point=charger.row).update(closed_at=ended)
    async with again(house, charger, booted=False) as charger:
        assert (await charger.call("Heartbeat"))["currentTime"], "no boot was asked for"
        gap = Event.objects.filter(cp_id=charger.row.cp_id, type="cp.offline_duration").get()
        assert json.loads(gap.payload)["offline_seconds"] >= 19 * 60
        assert [state.value for state in configuration(charger.row)] == ["300"]
        assert charger.row.connectors.get(number=1).status == "Available"


async def test_quirk_t9_one_that_redials_every_ten_seconds_when_refused_is_one_row(house: House):
    for _ in range(4):
        with pytest.raises(InvalidStatus) as refused:
            async with RawCharger.connect(house.ocpp_url, "NOBODY-KNOWS-T9"):
                pass
        assert refused.value.response.status_code == 404
    await eventually(lambda: RefusedHandshake.objects.filter(identity="NOBODY-KNOWS-T9", count=4).exists())


async def test_quirk_c1_one_that_never_boots_is_served_by_its_stored_identity_and_asked_once(house: House):
    async with cp16(house, booted=False) as charger:
        await charger.status("Available", 1)
        assert following.ask_silent(now=now()) == 0, "it gets a little time"
        later = now() + timedelta(minutes=3)
        assert following.ask_silent(now=later) >= 1
        assert await charger.expect("TriggerMessage") == {"requestedMessage": "BootNotification"}
        await charger.answer(status="Accepted")
        asked = Command.objects.filter(charge_point=charger.row, type="trigger-message")
        following.ask_silent(now=later + timedelta(hours=1))
        assert asked.count() == 1, "once"
        await charger.boot()
        await eventually(lambda: asked.get().effect == "BootNotification came.")
    async with again(house, charger, booted=False) as charger:
        assert (await charger.call("Heartbeat"))["currentTime"]
        following.ask_silent(now=now() + timedelta(hours=1))
        assert asked.count() == 1, "one that has booted is not asked (T-085)"


@pytest.mark.usefixtures("short_patience")
async def test_quirk_c9_one_that_hears_no_orders_is_disconnected(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outgoing, "UNANSWERED_MAX", 2)
    async with cp16(house) as charger:
        for number in (1, 2):
            command = charger.order("clear-cache")
            await charger.expect("ClearCache")
            await charger.call("Heartbeat")  # it goes on
            if number == 1:
                assert (await charger.settled(command)).status == Status.TIMED_OUT
        assert await charger.wire.closed() == 4003
    closed = await eventually(
        lambda: Connection.objects.filter(charge_point=charger.row, close_code=4003).first()
    )
    assert closed.close_reason == "it answered none of 2 commands"


@pytest.mark.usefixtures("short_patience")
async def test_quirk_c9_an_answer_in_between_forgives(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outgoing, "UNANSWERED_MAX", 2)
    async with cp16(house) as charger:
        for _ in range(2):
            command = charger.order("clear-cache")
            await charger.expect("ClearCache")
            assert (await charger.settled(command)).status == Status.TIMED_OUT
            assert (await charger.hears("clear-cache")).status == Status.ACCEPTED
        assert (await charger.call("Heartbeat"))["currentTime"]


async def test_quirk_c10_one_that_takes_one_order_at_a_time_gets_one_at_a_time(house: House):
    async with cp16(house) as charger:
        first, second = charger.order("clear-cache"), charger.order("unlock-connector", connector_id=1)
        await charger.expect("ClearCache")
        await charger.call("Heartbeat")  # its answer would come after a second order, had one been sent
        assert fresh(second).status == Status.QUEUED
        await charger.answer(status="Accepted")
        assert await charger.expect("UnlockConnector") == {"connectorId": 1}
        await charger.answer(status="Unlocked")
        await charger.settled(second)
        assert fresh(first).answered_at <= fresh(second).sent_at


# --- configuration ----------------------------------------------------------------------------------------------------


async def test_quirk_c2_measurands_that_are_taken_and_not_kept_are_seen_when_read_back(house: House):
    wish = "Energy.Active.Import.Register,Power.Active.Import,SoC"
    async with cp16(house) as charger:
        desire_of_charge_point(charger.row, {"MeterValuesSampledData": wish}, by="alice", now=now())
        command = await charger.hears("change-configuration", key="MeterValuesSampledData", value=wish)
        await charger.expect("GetConfiguration")
        has = "Energy.Active.Import.Register"
        await charger.answer(**reports(("MeterValuesSampledData", has)))
        await eventually(lambda: fresh(command).effect == f"It reports {has!r} instead.")
        assert drift(charger) == {"MeterValuesSampledData": "differs"}


async def test_quirk_c4_availability_that_is_taken_and_ignored_is_a_mismatch_and_never_sent_by_itself(
    house: House, at_once: None
):
    async with cp16(house, booted=False) as charger:
        await charger.boot()
        await charger.expect("GetConfiguration")
        await charger.answer(configurationKey=[])
        await charger.status("Available", 1)
        command = await charger.hears("change-availability", connector_id=1, type="Inoperative")
        assert command.status == Status.ACCEPTED
        [row] = availability(charger.row, now=now() + timedelta(minutes=3))
        assert (str(row.standing), row.wanted, row.reported) == ("mismatch", False, True)
        assert fresh(command).effect == ""
    async with again(house, charger) as charger:
        await charger.status("Available", 1)
        assert (await charger.call("Heartbeat"))["currentTime"]
        sent = Command.objects.filter(charge_point=charger.row, type="change-availability")
        assert sent.count() == 1


async def test_quirk_c11_configuration_that_was_lost_at_a_boot_is_restored(house: House, at_once: None):
    async with cp16(house, booted=False) as charger:
        desire_of_charge_point(charger.row, {"MeterValueSampleInterval": "60"}, by="alice", now=now())
        await charger.boot()
        for _ in range(2):
            assert await charger.expect("GetConfiguration") == {}
            await charger.answer(**reports(("MeterValueSampleInterval", "900")))
            changed = {"key": "MeterValueSampleInterval", "value": "60"}
            assert await charger.expect("ChangeConfiguration") == changed
            await charger.answer(status="Accepted")
            assert await charger.expect("GetConfiguration") == {"key": ["MeterValueSampleInterval"]}
            await charger.answer(**reports(("MeterValueSampleInterval", "60")))
            await eventually(lambda: drift(charger) == {"MeterValueSampleInterval": "in_sync"})
            await charger.boot(firmwareVersion="other")  # which it has forgotten after
        values = ConfigurationChange.objects.filter(charge_point=charger.row).order_by("pk")
        assert [c.new_value for c in values] == ["60", "900", "60"]


async def test_quirk_c11_a_value_that_is_clamped_shows_as_drift_and_is_not_sent_in_a_loop(
    house: House, at_once: None
):
    async with cp16(house, booted=False) as charger:
        desire_of_charge_point(charger.row, {"MeterValueSampleInterval": "10"}, by="alice", now=now())
        await charger.boot()
        await charger.expect("GetConfiguration")
        await charger.answer(**reports(("MeterValueSampleInterval", "60")))
        await charger.expect("ChangeConfiguration")
        await charger.answer(status="Accepted")
        await charger.expect("GetConfiguration")
        await charger.answer(**reports(("MeterValueSampleInterval", "30")))
        await eventually(lambda: readings(charger).filter(status="accepted").count() == 2)
        assert drift(charger) == {"MeterValueSampleInterval": "differs"}
        assert (await charger.call("Heartbeat"))["currentTime"], "nothing more is sent"


async def test_quirk_c11_a_value_that_is_refused_is_not_tried_again(house: House, at_once: None):
    async with cp16(house, booted=False) as charger:
        desire_of_charge_point(charger.row, {"MeterValueSampleInterval": "10"}, by="alice", now=now())
        await charger.boot()
        await charger.expect("GetConfiguration")
        await charger.answer(**reports(("MeterValueSampleInterval", "60")))
        await charger.expect("ChangeConfiguration")
        await charger.answer(status="Rejected")
        await eventually(lambda: drift(charger) == {"MeterValueSampleInterval": "rejected"})
        await charger.boot(firmwareVersion="other")
        await charger.expect("GetConfiguration")
        await charger.answer(**reports(("MeterValueSampleInterval", "60")))
        assert (await charger.call("Heartbeat"))["currentTime"], "nothing more is sent"


async def test_quirk_c12_a_missing_list_of_feature_profiles_forbids_nothing(house: House, at_once: None):
    async with cp16(house, booted=False) as charger:
        await charger.boot()
        await charger.expect("GetConfiguration")
        await charger.answer(**reports(("SupportedFeatureProfiles", "")))
        await eventually(lambda: ConfigurationKey.objects.filter(charge_point=charger.row).exists())
        assert fresh(charger.row).lacking == {}
        # What it cannot do is learned from what it answers.
        command = charger.order("trigger-message", requested_message="Heartbeat")
        await charger.expect("TriggerMessage")
        await charger.refuse("NotImplemented")
        await charger.settled(command)
        assert fresh(charger.row).warning("trigger-message") == "it answered NotImplemented"
        await charger.hears("trigger-message", requested_message="Heartbeat")
        assert fresh(charger.row).warning("trigger-message") is None


async def test_quirk_c12_a_wrong_list_warns_until_the_outcome_says_otherwise(house: House):
    async with cp16(house) as charger:
        await charger.hears("get-configuration", reports(("SupportedFeatureProfiles", "Core")))
        assert "RemoteTrigger" in (fresh(charger.row).warning("trigger-message") or "")
        assert (
            await charger.hears("trigger-message", requested_message="Heartbeat")
        ).status == Status.ACCEPTED
        assert fresh(charger.row).warning("trigger-message") is None


async def test_quirk_v10_blanks_quotes_and_the_case_of_keys_do_not_matter(house: House):
    async with cp16(house) as charger:
        desire_of_charge_point(
            charger.row,
            {" HeartbeatInterval": "300", "AuthorizeRemoteTxRequests": "true"},
            by="alice",
            now=now(),
        )
        await charger.hears(
            "get-configuration",
            reports(("HeartBeatInterval", ' "300" '), ("authorizeremotetxrequests ", "TRUE")),
        )
        assert set(drift(charger).values()) == {"in_sync"}
        key = ConfigurationKey.objects.get(charge_point=charger.row, folded="heartbeatinterval")
        assert (key.name, key.value) == ("HeartBeatInterval", "300")
        await charger.hears("get-configuration", reports(("heartbeatinterval", "300")))
        assert ConfigurationKey.objects.filter(charge_point=charger.row).count() == 2
        assert not ConfigurationChange.objects.filter(charge_point=charger.row).exists()
        # It is told by the name that it has itself.
        charger.order("change-configuration", key="HEARTBEATINTERVAL", value="60")
        assert await charger.expect("ChangeConfiguration") == {"key": "heartbeatinterval", "value": "60"}
        await charger.answer(status="Rejected")


# --- what is desired of models ----------------------------------------------------------------------------------------


async def test_quirk_c11_what_is_desired_of_a_model_holds_for_its_charge_points_unless_they_have_their_own(
    house: House, at_once: None
):
    model = {"vendor": "Acme", "model": "Eleven"}
    desire_of_model(
        **model, values={"ConnectionTimeOut": "60", "HeartbeatInterval": "900"}, by="alice", now=now()
    )
    async with cp16(house, booted=False) as charger:
        desire_of_charge_point(charger.row, {"HeartbeatInterval": "300"}, by="alice", now=now())
        await charger.boot(chargePointModel="Eleven")
        await charger.expect("GetConfiguration")
        await charger.answer(**reports(("ConnectionTimeOut", "30"), ("HeartbeatInterval", "300")))
        assert await charger.expect("ChangeConfiguration") == {"key": "ConnectionTimeOut", "value": "60"}
        await charger.answer(status="RebootRequired")
        await charger.expect("GetConfiguration")
        await charger.answer(**reports(("ConnectionTimeOut", "30")))
        await eventually(
            lambda: drift(charger) == {"ConnectionTimeOut": "needs_reboot", "HeartbeatInterval": "in_sync"}
        )
        changed = Command.objects.get(charge_point=charger.row, type="change-configuration")
        assert (changed.by, changed.reason) == (SYSTEM.name, "desired of its model")
    DesiredValue.objects.filter(**model).delete()


async def test_quirk_c11_readonly_and_unknown_keys_are_drift_that_is_not_sent(house: House, at_once: None):
    async with cp16(house, booted=False) as charger:
        wishes = {"NumberOfConnectors": "2", "Nonsense": "1"}
        desire_of_charge_point(charger.row, wishes, by="alice", now=now())
        await charger.boot()
        await charger.expect("GetConfiguration")
        await charger.answer(**reports(("NumberOfConnectors", "1"), readonly=True))
        assert await charger.expect("ChangeConfiguration") == {"key": "Nonsense", "value": "1"}
        await charger.answer(status="NotSupported")
        await eventually(
            lambda: drift(charger) == {"NumberOfConnectors": "readonly", "Nonsense": "not_supported"}
        )
        send_command(fresh(charger.row), "get-configuration", {}, author=SYSTEM, now=now())
        await charger.expect("GetConfiguration")
        await charger.answer(**reports(("NumberOfConnectors", "1"), readonly=True))
        assert (await charger.call("Heartbeat"))["currentTime"]
