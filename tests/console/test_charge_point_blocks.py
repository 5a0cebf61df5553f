"""Sub-pages of a charge point: its transactions with sums, the chart of its limits, upload URLs, and the audit."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargers.configuration.models import BootReport, ConfigurationChange, ConfigurationKey, DesiredValue
from chargers.diagnostics.models import Upload
from chargers.diagnostics.uploads import begin_attempt, take_file
from chargers.models import ChargePoint
from csms.core.audit.services import note
from csms.core.ids import uuid7
from tests.console.blocks import PROFILE
from tests.console.cast import HOSTILE, make_charge_point
from tests.console.fleet import make_online, make_transaction
from tests.support.house import settings_are
from transactions.charging_profiles.models import CompositeSchedule, InstalledProfile

pytestmark = pytest.mark.django_db
CP16 = "/inspect/charge-points/CP16"


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    return make_charge_point("CP16")


# --- transactions -------------------------------------------------------------------------------------------------


def test_transactions_are_listed_with_what_they_come_to(bob: Client, cp16: ChargePoint) -> None:
    for number, energy in ((1, 10_000), (2, 5_000)):
        make_transaction(
            cp16,
            number,
            status="ended",
            energy_wh=energy,
            stopped_at=timezone.now(),
            id_token=f"DRIVER{number}",
        )
    make_transaction(cp16, 3)
    make_transaction(make_charge_point("CP17"), 99, status="ended", energy_wh=1_000_000)
    page = bob.get(f"{CP16}/transactions").content.decode()
    assert "15.00\u00a0kWh" in page
    assert "7.50\u00a0kWh" in page
    assert "of them running: 1" in page
    assert "1,000.00" not in page
    only = bob.get(f"{CP16}/transactions", {"token": "DRIVER2"}).content.decode()
    assert "5.00\u00a0kWh" in only
    assert "15.00\u00a0kWh" not in only
    assert (
        "No transaction of this charge point is like that"
        in bob.get(f"{CP16}/transactions", {"connector": "9"}).content.decode()
    )


def test_the_list_of_transactions_costs_the_same_for_many(bob: Client, cp16: ChargePoint) -> None:
    make_transaction(cp16, 1)
    with CaptureQueriesContext(connection) as few:
        bob.get(f"{CP16}/transactions")
    for number in range(2, 32):
        make_transaction(cp16, number)
    with CaptureQueriesContext(connection) as many:
        bob.get(f"{CP16}/transactions")
    assert len(many) == len(few) <= 8


# --- charging profiles --------------------------------------------------------------------------------------------


def installed(cp: ChargePoint, number: int, level: int, limit: str, **values: Any) -> InstalledProfile:
    schedule = {"unit": "A", "periods": [{"start_period": 0, "limit": limit}]} | values.pop("schedule", {})
    profile = PROFILE | {"stack_level": level, "schedule": schedule}
    return InstalledProfile.objects.create(
        charge_point=cp,
        profile_id=number,
        connector_number=1,
        purpose="TxDefaultProfile",
        stack_level=level,
        profile=profile,
        status="installed",
        by="alice",
        command_id=uuid7(),
        created_at=timezone.now(),
        **values,
    )


def chart(client: Client, connector: int = 1) -> dict[str, Any]:
    return client.get(f"{CP16}/charging-profiles/{connector}.json").json()


def test_the_chart_has_each_profile_what_they_come_to_and_what_was_reported(
    bob: Client, cp16: ChargePoint
) -> None:
    now = timezone.now()
    installed(cp16, 1, 0, "16")
    installed(cp16, 2, 5, "10")
    CompositeSchedule.objects.create(
        charge_point=cp16,
        command_id=uuid7(),
        connector_number=1,
        asked_duration=7200,
        by="alice",
        received_at=now,
        answer="Accepted",
        schedule_start=now,
        unit="A",
        periods=[{"start_period": 0, "limit": "10"}, {"start_period": 3600, "limit": "6"}],
    )
    drawn = chart(bob)
    labels = {one["label"]: one for one in drawn["series"]}
    assert set(labels) == {
        "As it reported",
        "By all known profiles",
        "TxDefaultProfile 1, level 0",
        "TxDefaultProfile 2, level 5",
    }
    assert [point[1] for point in labels["As it reported"]["points"]] == [10.0, 6.0, 6.0]
    assert {point[1] for point in labels["By all known profiles"]["points"]} == {10.0}
    assert labels["TxDefaultProfile 1, level 0"]["dash"] is True
    assert all(one["kind"] == "step" for one in drawn["series"])
    assert abs(drawn["marks"][0]["at"] - now.timestamp() * 1000) < 60_000
    assert drawn["unit"] == "A"
    page = bob.get(f"{CP16}/charging-profiles").content.decode()
    assert f'data-chart="{CP16}/charging-profiles/1.json"' in page


def test_a_profile_that_says_nothing_for_a_while_has_a_gap(bob: Client, cp16: ChargePoint) -> None:
    start = timezone.now() - timedelta(minutes=30)
    late = {"start": start.isoformat(), "duration": 7200}
    installed(cp16, 1, 0, "16", schedule=late)
    [own] = [one for one in chart(bob)["series"] if one["label"].startswith("TxDefault")]
    assert [point[1] for point in own["points"]] == [None, 16.0, None, None]


def test_limits_in_two_units_are_drawn_and_not_added_up(bob: Client, cp16: ChargePoint) -> None:
    installed(cp16, 1, 0, "16")
    installed(cp16, 2, 1, "11000", schedule={"unit": "W", "periods": [{"start_period": 0, "limit": "11000"}]})
    series = chart(bob)["series"]
    assert {one["unit"] for one in series} == {"A", "W"}
    assert not [one for one in series if one["label"] == "By all known profiles"]


def test_what_a_charger_reports_absurdly_draws_nothing_absurd(bob: Client, cp16: ChargePoint) -> None:
    CompositeSchedule.objects.create(
        charge_point=cp16,
        command_id=uuid7(),
        connector_number=1,
        asked_duration=60,
        by="alice",
        received_at=timezone.now(),
        answer="Accepted",
        unit=HOSTILE[:16],
        periods=[{"start_period": 0, "limit": "NaN"}, {"start_period": 1, "limit": "x"}],
    )
    assert chart(bob)["series"][0]["points"][0][1] is None


def test_without_limits_the_chart_says_so(bob: Client, cp16: ChargePoint) -> None:
    drawn = chart(bob, 2**40)
    assert drawn["series"] == []
    assert "No limit is known" in drawn["empty"]
    assert "data-chart=" not in bob.get(f"{CP16}/charging-profiles").content.decode()


# --- upload URLs --------------------------------------------------------------------------------------------------


def test_a_url_is_issued_shown_once_used_once_and_its_file_told(alice: Client, cp16: ChargePoint) -> None:
    with settings_are(CSMS_PUBLIC_URL="https://csms.example"):
        page = alice.post(f"{CP16}/uploads/issue", {"reason": "the technician brings it"}).content.decode()
    url = page.partition('id="upload-url" value="')[2].partition('"')[0]
    assert url.startswith("https://csms.example/u/")
    upload = Upload.objects.get()
    assert (upload.by, upload.job) == ("alice", None)
    token = urlsplit(url).path.split("/")[2]
    listed = alice.get(f"{CP16}/firmware").content.decode()
    assert token not in listed
    assert "issued by alice" in listed
    assert ">Open<" in listed
    taken = take_file(
        begin_attempt(token, now=timezone.now()),
        content="c",
        size=12_345,
        sha256="ab" * 32,
        name="diag.zip",
        content_type="",
        peer="",
        now=timezone.now(),
    )
    listed = alice.get(f"{CP16}/firmware").content.decode()
    assert ">Used<" in listed
    row = listed.partition("data-upload=")[2].partition("</li>")[0]
    assert "diag.zip" in row
    assert "ab" * 32 in row
    assert f"/sys/files/{taken.pk}/content" in row
    assert "revoke" not in row


def test_a_url_is_closed_by_hand(alice: Client, cp16: ChargePoint) -> None:
    with settings_are(CSMS_PUBLIC_URL="https://csms.example"):
        alice.post(f"{CP16}/uploads/issue")
    upload = Upload.objects.get()
    closed = alice.post(f"{CP16}/uploads/{upload.pk}/revoke", follow=True).content.decode()
    assert "The URL is closed" in closed
    assert ">Closed<" in closed
    assert "already" in alice.post(f"{CP16}/uploads/{upload.pk}/revoke", follow=True).content.decode()
    make_charge_point("CP17")
    assert alice.post(f"/inspect/charge-points/CP17/uploads/{upload.pk}/revoke").status_code == 404


def test_urls_are_bounded_and_none_is_made_without_an_address(alice: Client, cp16: ChargePoint) -> None:
    with settings_are(CSMS_PUBLIC_URL="https://csms.example"):
        for _ in range(21):
            answer = alice.post(f"{CP16}/uploads/issue", follow=True)
        assert "20 upload URLs are open" in answer.content.decode()
    assert Upload.objects.count() == 20


def test_bob_issues_and_closes_nothing(bob: Client, cp16: ChargePoint) -> None:
    assert "uploads/issue" not in bob.get(f"{CP16}/firmware").content.decode()
    assert bob.post(f"{CP16}/uploads/issue").status_code == 403
    assert bob.post(f"{CP16}/uploads/1/revoke").status_code == 403


# --- configuration ------------------------------------------------------------------------------------------------


def test_keys_are_found_by_words_by_drift_and_by_what_changed(alice: Client, cp16: ChargePoint) -> None:
    now = timezone.now()
    for name, value, readonly in (
        ("HeartbeatInterval", "60", False),
        ("NumberOfConnectors", "2", True),
        ("AuthorizeRemoteTxRequests", "true", False),
    ):
        ConfigurationKey.objects.create(
            charge_point=cp16, name=name, folded=name.lower(), value=value, readonly=readonly, reported_at=now
        )
    DesiredValue.objects.create(
        charge_point=cp16,
        name="HeartbeatInterval",
        folded="heartbeatinterval",
        value="300",
        by="alice",
        at=now,
    )
    ConfigurationChange.objects.create(
        charge_point=cp16, name="AuthorizeRemoteTxRequests", old_value="false", new_value="true", at=now
    )

    def keys(**asked: str) -> set[str]:
        page = alice.get(f"{CP16}/configuration", asked, headers={"Live": "configuration"}).content.decode()
        table = page.partition("<tbody>")[2].partition("</tbody>")[0]
        return {name for name in ("Heartbeat", "NumberOf", "AuthorizeRemote") if name in table}

    assert len(keys()) == 3
    assert keys(q="heartbeat 60") == {"Heartbeat"}
    assert keys(show="drift") == keys(show="desired") == {"Heartbeat"}
    assert keys(show="changed") == {"AuthorizeRemote"}
    assert keys(show="readonly") == {"NumberOf"}
    assert keys(show="writable") == {"Heartbeat", "AuthorizeRemote"}
    assert keys(show="nonsense") == keys()
    page = alice.get(f"{CP16}/configuration", {"q": "nowhere"}).content.decode()
    assert "No key is like that." in page
    assert "1 key is not as desired" in page


# --- audit --------------------------------------------------------------------------------------------------------


def test_acts_commands_changes_and_boots_stand_in_one_line_newest_first(
    alice: Client, cp16: ChargePoint
) -> None:
    make_online(cp16)
    change = {"site": {"from": "", "to": "Harbour"}}
    note(
        "charge_point.described",
        by="carol",
        subject_type="charge_point",
        subject="CP16",
        now=timezone.now(),
        reason="moved",
        **change,
    )
    alice.post(f"{CP16}/commands/clear-cache", {"why": "it is old"})
    ConfigurationChange.objects.create(
        charge_point=cp16, name="HeartbeatInterval", old_value="60", new_value="300", at=timezone.now()
    )
    BootReport.objects.create(
        charge_point=cp16, at=timezone.now(), changes={"firmware_version": ["1.0", HOSTILE]}
    )
    page = alice.get(f"{CP16}/audit").content.decode()
    places = [page.index(words) for words in ("Firmware", "HeartbeatInterval", "Clear cache", "Described it")]
    body = page.index('class="rows"')
    assert [place for place in places if place > body] == sorted(place for place in places if place > body)
    assert "Harbour" in page
    assert "Because moved." in page
    assert "Because it is old." in page
    assert "no command of ours changed it" in page
    assert HOSTILE not in page
    only = alice.get(f"{CP16}/audit", {"kind": "act"}).content.decode()
    assert "happening-act" in only
    assert "happening-command" not in only
    by_carol = alice.get(f"{CP16}/audit", {"by": "carol"}).content.decode()
    assert by_carol.count("happening-") == by_carol.count("happening-act")


def test_the_audit_is_read_page_by_page_and_no_entry_is_lost(bob: Client, cp16: ChargePoint) -> None:
    for number in range(70):
        note(
            "credential.set",
            by=f"person{number:02}",
            subject_type="charge_point",
            subject="CP16",
            now=timezone.now(),
        )
    first = bob.get(f"{CP16}/audit").content.decode()
    older = first.partition("?before=")[2].partition('"')[0].replace("%2B", "+").replace("%3A", ":")
    second = bob.get(f"{CP16}/audit", {"before": older}).content.decode()
    for number in range(70):
        assert (f"person{number:02}" in first) != (f"person{number:02}" in second), number
    for absurd in ("nonsense", "2026-13-45T00:00:00Z", "0001-01-01T00:00:00Z", "2026-01-01T00:00:00"):
        assert bob.get(f"{CP16}/audit", {"before": absurd}).status_code == 200
