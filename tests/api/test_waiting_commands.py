"""Commands for charge points that are offline: refused, or kept until their expiry when asked; and never too many."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.commands import ledger, sending
from chargers.diagnostics.models import LogJob
from chargers.diagnostics.services import LOGS
from chargers.jobs import State, expire_jobs
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from chargers.reservations.models import Reservation
from tests.api.cast import API, charge_point, online
from tests.support.house import now, settings_are

CP16 = f"{API}/charge-points/CP16/"
RESET = f"{CP16}commands/reset/"
DOORS = {
    "ours": lambda client, **options: client.post(RESET, {"type": "Soft"} | options),
    "exact": lambda client, **options: client.post(
        f"{CP16}ocpp/Reset/?" + "&".join(f"{name}={value}" for name, value in options.items()),
        {"type": "Soft"},
    ),
}
both_doors = pytest.mark.parametrize("door", list(DOORS))


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    """It was here, and is offline."""
    return charge_point(protocol="ocpp1.6")


def claim(cp: ChargePoint, when: Any = None) -> Any:
    return ledger.claim_next(cp.pk, connection_id=cp.connection_id, version=Version.V16, now=when or now())


@both_doors
def test_an_offline_one_is_refused_unless_asked_otherwise(
    alice: APIClient, cp16: ChargePoint, refusal: Any, door: str
) -> None:
    refusal(DOORS[door](alice), 503, "offline")
    refusal(DOORS[door](alice, if_offline="refuse"), 503, "offline")
    assert not Command.objects.exists()


@both_doors
def test_queued_it_waits_an_hour_or_as_long_as_it_is_told(
    alice: APIClient, cp16: ChargePoint, door: str
) -> None:
    for options, seconds in (({}, 3600), ({"expires_in": 604800}, 604800), ({"expires_in": 1}, 1)):
        sent = DOORS[door](alice, if_offline="queue", **options)
        assert (sent.status_code, sent.json()["status"], sent.json()["may_wait"]) == (202, "queued", True)
        row = Command.objects.order_by("-pk")[0]
        assert row.expires_at - row.created_at == timedelta(seconds=seconds)


def test_online_what_does_not_wait_has_a_minute(alice: APIClient, cp16: ChargePoint) -> None:
    online(cp16)
    DOORS["ours"](alice)
    row = Command.objects.get()
    assert (row.may_wait, row.expires_at - row.created_at) == (False, timedelta(minutes=1))


@both_doors
def test_what_may_wait_stays_when_the_connection_ends_and_the_rest_does_not(
    alice: APIClient, cp16: ChargePoint, door: str
) -> None:
    online(cp16)
    waits, ends = (DOORS[door](alice, if_offline=what).json()["id"] for what in ("queue", "refuse"))
    assert ledger.fail_unsent(cp16.pk, now=now())  # others wait
    statuses = {str(pk): status for pk, status in Command.objects.values_list("pk", "status")}
    assert statuses == {waits: "queued", ends: "failed"}


def test_back_online_they_come_in_the_order_in_which_they_were_given(
    alice: APIClient, cp16: ChargePoint
) -> None:
    ids = [DOORS[door](alice, if_offline="queue").json()["id"] for door in ("ours", "exact", "ours")]
    online(cp16)
    assert [str(claim(cp16).command_id) for _ in ids] == ids


def test_one_that_has_expired_is_not_sent_and_says_so(alice: APIClient, cp16: ChargePoint) -> None:
    DOORS["ours"](alice, if_offline="queue", expires_in=60)
    online(cp16)
    later = now() + timedelta(seconds=61)
    assert claim(cp16, later) is None
    ledger.expire_commands(now=later)
    assert Command.objects.get().status == "expired"


@both_doors
def test_of_one_that_never_connected_nobody_knows_what_it_speaks(
    alice: APIClient, db: None, refusal: Any, door: str
) -> None:
    charge_point()
    refusal(DOORS[door](alice, if_offline="queue"), 409, "version_unknown")
    refusal(DOORS[door](alice), 503, "offline")


def test_one_that_waits_for_approval_is_told_only_what_it_may_be(
    alice: APIClient, cp16: ChargePoint, refusal: Any
) -> None:
    clear = f"{CP16}commands/clear-cache/"
    assert alice.post(clear, {"if_offline": "queue"}).status_code == 202
    ChargePoint.objects.update(registration="pending")
    refusal(alice.post(clear, {"if_offline": "queue"}), 409, "not_accepted")
    assert DOORS["ours"](alice, if_offline="queue").status_code == 202  # T-082: a reset may be
    cp16.refresh_from_db()
    online(cp16)
    assert claim(cp16).action == "Reset"
    assert claim(cp16) is None
    ChargePoint.objects.update(registration="accepted")
    assert claim(cp16).action == "ClearCache"


def test_a_queue_has_an_end(
    alice: APIClient, cp16: ChargePoint, refusal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "WAITING_MAX", 2)
    first, _ = (DOORS["ours"](alice, if_offline="queue") for _ in range(2))
    answer = DOORS["exact"](alice, if_offline="queue")
    refusal(answer, 429, "queue_full")
    assert int(answer["Retry-After"]) > 0
    assert Command.objects.count() == 2
    alice.post(f"{API}/commands/{first.json()['id']}/cancel/")
    assert DOORS["ours"](alice, if_offline="queue").status_code == 202


def test_so_has_that_of_a_charge_point_that_is_online_and_slow(
    alice: APIClient, cp16: ChargePoint, refusal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "QUEUED_MAX", 2)
    online(cp16)
    for door in DOORS:
        assert DOORS[door](alice, expires_in=604800).status_code == 202
    for door in DOORS:
        refusal(DOORS[door](alice), 429, "queue_full")
    sending.ask_to_boot(cp16.pk, approved=False, now=now())  # the house itself is never refused
    assert claim(cp16)
    assert claim(cp16)
    assert DOORS["ours"](alice).status_code == 202


@pytest.mark.parametrize(
    "options",
    [
        {"if_offline": "wait"},
        {"if_offline": True},
        {"expires_in": 0},
        {"expires_in": 604801},
        {"expires_in": "60"},
        {"expires_in": None},
        {"callback_url": "ftp://acme.example/"},
        {"callback_url": 7},
    ],
)
def test_a_wrong_option_is_named(alice: APIClient, cp16: ChargePoint, refusal: Any, options: Any) -> None:
    online(cp16)
    refusal(alice.post(RESET, options), 422, "invalid", *options)
    assert not Command.objects.exists()


def test_the_same_key_queues_it_once(alice: APIClient, cp16: ChargePoint) -> None:
    asked = {"type": "Soft", "if_offline": "queue"}
    first, again = (alice.post(RESET, asked, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json() == again.json()
    assert Command.objects.count() == 1


def test_a_job_begins_to_age_when_its_order_is_answered(alice: APIClient, cp16: ChargePoint) -> None:
    body = {"location": "ftp://acme.example/in/", "if_offline": "queue", "expires_in": 604800}
    assert alice.post(f"{CP16}commands/get-diagnostics/", body).status_code == 202
    days_later = now() + timedelta(days=3)
    with settings_are(CSMS_JOB_TIMEOUT="3600"):
        expire_jobs(LOGS, now=days_later, verdict=lambda job: (State.LOST, "Silence."))
        assert LogJob.objects.get().state == "ordered"
        online(cp16)
        claimed = claim(cp16, days_later)
        answer = {"fileName": "log.tgz"}
        ledger.settle_answer(claimed.command_id, answer, version=Version.V16, now=days_later)
    job = LogJob.objects.get()
    assert (job.state, job.stale_at) == ("running", days_later + timedelta(hours=1))


def test_a_reservation_is_not_ordered_when_it_would_be_over(alice: APIClient, cp16: ChargePoint) -> None:
    until = now().replace(microsecond=0) + timedelta(minutes=10)
    body = {"connector_id": 1, "id_token": "ALICE", "expires_at": until.isoformat(), "if_offline": "queue"}
    assert alice.post(f"{CP16}commands/reserve-now/", body).status_code == 202
    assert Command.objects.get().expires_at == until
    online(cp16)
    assert claim(cp16, until + timedelta(seconds=1)) is None
    ledger.expire_commands(now=until + timedelta(seconds=1))
    assert Reservation.objects.get().status not in ("requested", "accepted")
