"""The sub-pages of a charge point, and the pages of the whole fleet beside them."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from chargers.certificates.models import SigningRequest
from chargers.configuration.models import ConfigurationKey, DesiredValue
from chargers.diagnostics.models import StoredFile
from chargers.firmware.models import Evidence
from chargers.models import ChargePoint, Command
from chargers.traits.models import ChargePointTraits
from console.state_words import FAMILIES, TONES
from console.tabs import TABS
from tests.console.blocks import furnish
from tests.console.cast import HOSTILE, make_charge_point, make_connector, person, signed_in
from tests.console.fleet import make_busy_fleet, make_transaction, unknown
from transactions.local_lists.models import LocalList

FILTERS = re.compile('<form method="get".*?</form>', re.DOTALL)
FLEET = ["certificate-requests", "security-events", "deviations", "files", "reservations"]

# What each page shows of a furnished charge point, and what an empty one says to do next. Frames and connections come
# as tails, and have tests of their own.
SHOWS = {
    "commands": ("What can be ordered", "No command was given yet"),
    "transactions": ("On average", "has told of no transaction yet"),
    "audit": ("by alice", "Nobody has done anything to it yet"),
    "configuration": ("Differs, and is read-only", "It is read after the next boot"),
    "availability": ("out of service", "Ask for a message (StatusNotification)"),
    "authorization-list": ("Version accepted", "Choose which tokens belong on it"),
    "reservations": ("No. 77", "The command Reserve keeps a connector"),
    "charging-profiles": ("TxDefaultProfile 5", "The command Set a charging profile"),
    "firmware": ("12\u00a0kB", "The command Update firmware needs a URL"),
    "certificates": ("Ends soon", "SignChargePointCertificate"),
    "network": ("It came back without it", "OCPP 1.6 has no network profiles"),
    "security-events": ("Critical", "Get a log (SecurityLog)"),
    "device-events": ("Problem", "Components report since OCPP 2.0.1"),
    "events": ("cp.security_event", "No event of EMPTY1 is kept"),
    "deviations": ("12 ×", "kept to the standard"),
    "traits": ("strict", "goes before what is said of its model"),
}


@pytest.fixture
def adam(db: None) -> Client:
    return signed_in(person("adam", "administrator"))


@pytest.fixture
def furnished(db: None) -> ChargePoint:
    first = make_busy_fleet(1)
    first.connectors.all().delete()
    furnish(first)
    return first


def text(client: Client, path: str) -> str:
    page = client.get(path)
    assert page.status_code == 200, path
    return page.content.decode()


def tab_of(charge_point: ChargePoint, slug: str) -> str:
    return f"/inspect/charge-points/{charge_point.cp_id}/{slug}"


def test_every_sub_page_is_looked_at() -> None:
    assert set(TABS) - set(SHOWS) == {"frames", "connections"}


def test_every_state_has_a_tone() -> None:
    assert FAMILIES.keys() == TONES.keys()
    for family, states in FAMILIES.items():
        assert set(states.values) == set(TONES[family]), family
    assert TONES["evidence"][Evidence.CHANGED] == "ok"


@pytest.mark.parametrize("slug", SHOWS)
def test_a_sub_page_shows_what_there_is_and_says_what_to_do_where_there_is_nothing(
    alice: Client, furnished: ChargePoint, slug: str
) -> None:
    shown, next_step = SHOWS[slug]
    assert shown in text(alice, tab_of(furnished, slug))
    empty = make_charge_point("EMPTY1", vendor="Nobody")
    assert next_step in text(alice, tab_of(empty, slug))


# What only a charge point of 1.6 can be told from here is not offered to one of 2.0.1.
ONLY_16 = {
    "charging-profiles": ("cannot be limited from here yet", "The command Set a charging profile"),
    "firmware": ("cannot be updated from here yet", "Get diagnostics makes"),
    "certificates": ("SignChargingStationCertificate", "Ask for a message (security)"),
    "network": ("the command Report the device model", "OCPP 1.6 has no network profiles"),
    "security-events": ("uploaded by hand", "Get a log (SecurityLog)"),
}


@pytest.mark.parametrize("slug", ONLY_16)
def test_a_station_of_201_is_not_offered_what_only_16_has(alice: Client, db: None, slug: str) -> None:
    said, not_said = ONLY_16[slug]
    page = text(alice, tab_of(make_charge_point("CS201", protocol="ocpp2.0.1"), slug))
    page = page.partition('id="commands"')[0]  # those say why they cannot be sent
    assert said in page
    assert not_said not in page


def test_a_station_of_201_has_its_variables_by_component_and_its_places_by_evse(
    alice: Client, db: None
) -> None:
    station = make_charge_point("CS201", protocol="ocpp2.0.1")
    for name in ("TxCtrlr/EVConnectionTimeOut", "TxCtrlr/StopTxOnInvalidId", "EVSE@1/Power"):
        ConfigurationKey.objects.create(charge_point=station, name=name, folded=name.casefold(), value="7")
    place = {"evse_number": 2, "evse_connector": 3, "connector_type": "cCCS2", "status": "Occupied"}
    make_connector(station, 3002, **place)
    transaction = make_transaction(station, 7, connector_number=3002, evse_number=2)
    page = text(alice, tab_of(station, "configuration"))
    assert re.findall(r'<details class="order" id="component-([^"]+)">', page) == ["EVSE%401", "TxCtrlr"]
    assert 'id="component-TxCtrlr" open>' in text(alice, tab_of(station, "configuration") + "?q=timeout")
    page = text(alice, f"/inspect/charge-points/{station.cp_id}")
    assert "EVSE 2, connector 3" in page
    assert '<bdi title="cCCS2">CCS 2</bdi>' in page
    assert "chip-wait" in page.partition('id="connectors-title"')[2].partition("Occupied")[0]
    assert "3002</span>" not in page
    assert '<span class="text-secondary">EVSE 2</span>' in page
    assert "2/3 Occupied" in text(alice, "/inspect/charge-points")
    assert ", EVSE 2" in text(alice, f"/inspect/transactions/{transaction.pk}")
    assert 'title="EVSE 2">/ 2<' in text(alice, "/inspect/transactions")


@pytest.mark.parametrize("slug", [*TABS, *FLEET])
def test_no_page_believes_what_a_charger_says_or_has_script_in_it(
    adam: Client, alice: Client, bob: Client, furnished: ChargePoint, slug: str
) -> None:
    path = tab_of(furnished, slug) if slug in TABS else f"/sys/{slug}"
    for client in (adam, alice, bob):
        page = text(client, path)
        assert HOSTILE not in page
        assert "<script>" not in page
        assert " style=" not in page
        assert " onclick=" not in page


@pytest.mark.parametrize("slug", SHOWS)
def test_a_sub_page_is_live_by_its_charge_point_and_can_be_read_in_parts(
    alice: Client, furnished: ChargePoint, slug: str
) -> None:
    page = text(alice, tab_of(furnished, slug))
    assert f'<div id="{slug}" data-live="charge-point:{furnished.pk}' in page
    part = alice.get(tab_of(furnished, slug), headers={"Live": slug}).content.decode()
    assert part.startswith(f'<div id="{slug}">')
    assert "<html" not in part


@pytest.mark.parametrize("slug", FLEET)
def test_the_pages_of_the_fleet_are_in_the_menu_and_link_to_the_charge_point(
    bob: Client, furnished: ChargePoint, slug: str
) -> None:
    page = text(bob, f"/sys/{slug}")
    assert f'href="/sys/{slug}" aria-current="page"' in page
    assert furnished.cp_id in page
    assert "Nothing matches" in text(bob, f"/sys/{slug}?q=no-such-thing")


@pytest.mark.parametrize("slug", FLEET)
def test_an_empty_page_of_the_fleet_says_where_its_rows_come_from(bob: Client, slug: str) -> None:
    assert "empty-state" in text(bob, f"/sys/{slug}")


def test_whoever_is_not_signed_in_sees_no_sub_page(client: Client, furnished: ChargePoint) -> None:
    for path in [*(tab_of(furnished, slug) for slug in TABS), *(f"/sys/{slug}" for slug in FLEET)]:
        assert client.get(path).status_code == 302, path


def test_a_sub_page_that_does_not_exist_is_a_page_of_ours(alice: Client, furnished: ChargePoint) -> None:
    assert alice.get(tab_of(furnished, "coffee")).status_code == 404
    assert alice.get(tab_of(furnished, "firmware").replace("CP0", "cp0")).status_code == 302


def test_what_may_only_be_looked_at_has_no_buttons_and_no_effect(bob: Client, furnished: ChargePoint) -> None:
    file, request = StoredFile.objects.get(), SigningRequest.objects.get()
    for slug in TABS:
        page = FILTERS.sub("", text(bob, tab_of(furnished, slug)))
        main = page[page.index("<main") :]
        assert '<form method="post"' not in main or slug == "traits", slug
        assert "<button" not in main.partition("</main>")[0], slug
    for path in (
        tab_of(furnished, "configuration/desired"),
        tab_of(furnished, "configuration/refresh"),
        tab_of(furnished, "authorization-list/policy"),
        tab_of(furnished, "traits/set"),
        f"/sys/files/{file.pk}/delete",
        f"/sys/certificate-requests/{request.pk}/approve",
    ):
        assert bob.post(path, {"confirmed": "yes", "policy": "off"}).status_code == 403, path
        assert bob.get(path).status_code == 405, path


def test_an_operator_does_not_decide_over_certificates_and_traits(
    alice: Client, furnished: ChargePoint
) -> None:
    request = SigningRequest.objects.get()
    for step in ("approve", "reject", "upload"):
        answer = alice.post(f"/sys/certificate-requests/{request.pk}/{step}", {"reason": "no"})
        assert answer.status_code == 403
    assert alice.post(tab_of(furnished, "traits/set"), {"leniency": "tolerant"}).status_code == 403
    assert SigningRequest.objects.get().status == "pending"


# --- what can be done


def test_alice_says_what_is_desired_of_a_charge_point_and_of_its_model(
    alice: Client, furnished: ChargePoint
) -> None:
    path = tab_of(furnished, "configuration/desired")
    lines = "HeartbeatInterval = 120\n\nMeterValueSampleInterval=30"
    answer = alice.post(path, {"of": "charge_point", "values": lines})
    assert answer["Location"] == tab_of(furnished, "configuration")
    own = DesiredValue.objects.filter(charge_point=furnished)
    assert {wish.name: wish.value for wish in own} == {
        "HeartbeatInterval": "120",
        "MeterValueSampleInterval": "30",
    }
    alice.post(path, {"of": "model", "values": "ConnectionTimeOut=90"})
    [wish] = DesiredValue.objects.filter(charge_point=None)
    assert (wish.vendor, wish.model, wish.value) == (furnished.vendor, furnished.model, "90")
    assert "(model)" in text(alice, tab_of(furnished, "configuration"))


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("HeartbeatInterval", "Line 1 is not written as Key=value"),
        ("A=1\nA=2", "Line 2 names A again"),
        (f"{HOSTILE.replace('=', '')}", "Line 1"),
        ("AuthorizationKey=secret-secret-secret", "AuthorizationKey"),
    ],
)
def test_what_cannot_be_desired_is_refused_with_the_reason_and_kept_in_the_form(
    alice: Client, furnished: ChargePoint, lines: str, why: str
) -> None:
    answer = alice.post(tab_of(furnished, "configuration/desired"), {"of": "charge_point", "values": lines})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert why in page
    assert HOSTILE.replace("=", "") not in page
    assert DesiredValue.objects.get(charge_point=furnished).value == "300"


def test_refresh_reads_the_configuration_or_says_why_not(alice: Client, furnished: ChargePoint) -> None:
    answer = alice.post(tab_of(furnished, "configuration/refresh"))
    assert answer["Location"] == tab_of(furnished, "configuration")
    assert Command.objects.filter(charge_point=furnished, type="get-configuration").count() == 1
    offline = make_charge_point("AWAY1")
    refused = alice.post(tab_of(offline, "configuration/refresh"))
    assert refused.status_code == 422
    assert "AWAY1" in refused.content.decode()


def test_alice_chooses_which_tokens_belong_on_the_list(alice: Client, furnished: ChargePoint) -> None:
    path = tab_of(furnished, "authorization-list/policy")
    alice.post(path, {"policy": "chosen", "tokens": "ALICE\nBOB\n\n", "groups": "FAMILY"})
    row = LocalList.objects.get(charge_point=furnished)
    assert (row.policy, row.tokens, row.groups) == ("chosen", ["ALICE", "BOB"], ["FAMILY"])
    assert alice.post(path, {"policy": "whatever"}).status_code == 404


def test_a_reservation_is_cancelled_after_the_question_and_back_on_its_page(
    alice: Client, furnished: ChargePoint
) -> None:
    send = f"/inspect/charge-points/{furnished.cp_id}/commands/cancel-reservation"
    asked = alice.post(send, {"reservation_id": "77", "back": "reservations"})
    assert "confirmed" in asked.content.decode()
    assert tab_of(furnished, "reservations") in asked.content.decode()
    done = alice.post(send, {"reservation_id": "77", "back": "reservations", "confirmed": "yes"})
    assert done["Location"].startswith(tab_of(furnished, "reservations"))
    assert Command.objects.filter(type="cancel-reservation").count() == 1


def test_a_command_sent_from_a_sub_page_leads_back_to_it(alice: Client, furnished: ChargePoint) -> None:
    page = text(alice, tab_of(furnished, "configuration"))
    assert 'name="back" value="configuration"' in page
    assert 'id="order-get-configuration"' in page
    assert 'id="order-reset"' not in page
    send = f"/inspect/charge-points/{furnished.cp_id}/commands/get-configuration"
    assert alice.post(send, {"back": "configuration"})["Location"] == (
        tab_of(furnished, "configuration") + "#commands"
    )


def test_a_file_is_downloaded_as_an_attachment_and_deleted_after_the_question(
    alice: Client, furnished: ChargePoint, settings: object
) -> None:
    from chargers.diagnostics.store import Writing

    writing = Writing()
    writing.write(b"<script>alert(1)</script>")
    writing.finish()
    file = StoredFile.objects.get()
    StoredFile.objects.update(content=writing.content, size=25)
    answer = alice.get(f"/sys/files/{file.pk}/content")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer["Content-Security-Policy"]
    asked = alice.post(f"/sys/files/{file.pk}/delete", {"back": "charge-point"})
    assert "is deleted for good" in asked.content.decode()
    assert StoredFile.objects.exists()
    done = alice.post(f"/sys/files/{file.pk}/delete", {"back": "charge-point", "confirmed": "yes"})
    assert done["Location"] == tab_of(furnished, "firmware")
    assert not StoredFile.objects.exists()
    assert alice.get(f"/sys/files/{file.pk}/content").status_code == 404
    assert alice.post(f"/sys/files/{unknown()}/delete").status_code == 404


def test_a_file_whose_content_is_gone_says_so(alice: Client, furnished: ChargePoint) -> None:
    answer = alice.get(f"/sys/files/{StoredFile.objects.get().pk}/content")
    assert answer.status_code == 404
    assert "gone" in answer.content.decode()


def test_an_administrator_decides_over_a_request(adam: Client, furnished: ChargePoint) -> None:
    request = SigningRequest.objects.get()
    path = f"/sys/certificate-requests/{request.pk}"
    doubt = adam.post(f"{path}/approve")
    assert "Approve it all the same?" in doubt.content.decode()
    assert HOSTILE not in doubt.content.decode()
    uploaded = adam.post(f"{path}/upload", {"chain": "no PEM", "back": "charge-point"}, follow=True)
    assert "alert-danger" in uploaded.content.decode()
    adam.post(f"{path}/reject", {"reason": "unknown machine"})
    after = SigningRequest.objects.get()
    assert (after.status, after.decided_by, after.reason) == ("rejected", "adam", "unknown machine")
    again = adam.post(f"{path}/reject", {"reason": "twice"}, follow=True)
    assert "the request is rejected" in again.content.decode().lower()
    assert adam.post(f"{path}/frame").status_code == 404


def test_an_administrator_says_what_is_peculiar(adam: Client, furnished: ChargePoint) -> None:
    path = tab_of(furnished, "traits/set")
    adam.post(path, {"call_timeout": "60", "naive_time_zone": "Europe/Berlin", "note": "slow"})
    row = ChargePointTraits.objects.get()
    assert row.traits == {"call_timeout": 60, "naive_time_zone": "Europe/Berlin"}
    refused = adam.post(path, {"naive_time_zone": "Mars"})
    assert refused.status_code == 422
    assert "Europe/Berlin" in refused.content.decode()
    adam.post(path, {})
    assert not ChargePointTraits.objects.exists()


def test_critical_events_stand_out_on_the_charge_point_and_the_dashboard(
    bob: Client, furnished: ChargePoint
) -> None:
    assert "1 critical security event" in text(bob, f"/inspect/charge-points/{furnished.cp_id}")
    board = text(bob, "/")
    assert 'class="tile tile-bad" href="/sys/security-events?critical=on"' in board
    assert 'class="tile tile-wait" href="/sys/certificate-requests?status=pending"' in board
    other = make_charge_point("CALM1")
    assert "critical security event" not in text(bob, f"/inspect/charge-points/{other.cp_id}")


def test_the_sub_pages_are_links_on_each_of_them(bob: Client, furnished: ChargePoint) -> None:
    for path in (f"/inspect/charge-points/{furnished.cp_id}", tab_of(furnished, "traits")):
        page = text(bob, path)
        for slug in TABS:
            assert f'href="{tab_of(furnished, slug)}"' in page


def test_a_clock_that_is_off_is_told_with_the_deviations(bob: Client, furnished: ChargePoint) -> None:
    ChargePoint.objects.filter(pk=furnished.pk).update(
        clock_skew_seconds=7200, clock_measured_at=timezone.now()
    )
    assert "2 h 0 min ahead" in text(bob, tab_of(furnished, "deviations"))
