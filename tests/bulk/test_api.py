"""Bulk jobs through the API: looking ahead, making one, reading how far it is, holding it back, and each refusal."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from chargers.bulk import services
from chargers.bulk.choosing import chosen_by_id
from chargers.bulk.models import BulkJob, BulkTarget
from chargers.models import ChargePoint, Command
from csms.core.access.models import User
from tests.api.cast import API, NOON, charge_point, client_of, connector, online
from tests.bulk.cast import answers, fleet, job_for, steps

JOBS = f"{API}/bulk-jobs/"
PREVIEW = f"{JOBS}preview/"
TOMORROW = datetime.now(UTC) + timedelta(days=1)


def wish(**values: Any) -> dict[str, Any]:
    return {"type": "reset", "params": {"type": "Soft"}, "targets": {"cp_ids": ["CP001"]}} | values


def url(job: BulkJob, part: str = "") -> str:
    return f"{JOBS}{job.pk}/{part}"


# --- making one -------------------------------------------------------------------------------------------------------


def test_alice_makes_a_job_and_follows_it(alice: APIClient) -> None:
    fleet(3)
    answer = alice.post(
        JOBS,
        wish(
            targets={"cp_ids": ["cp003", "CP001", "CP002"]},
            rate_per_minute=120,
            canary=1,
            stop_on_failure_share=0.05,
            stop_min_sample=2,
            if_offline="refuse",
            expires_in=90,
            reason="memory leak",
        ),
    )
    assert answer.status_code == 201, answer.json()
    job = answer.json()
    assert answer["Location"] == f"{JOBS}{job['id']}/"
    assert alice.get(answer["Location"]).json() == job
    assert (job["type"], job["params"], job["filter"]) == ("reset", {"type": "Soft"}, None)
    assert (job["state"], job["why"], job["total"], job["by"]) == ("canary", "", 3, "token alice")
    assert (job["stop_on_failure_share"], job["stop_min_sample"], job["expires_in"]) == (0.05, 2, 90)
    assert job["counts"]["waiting"] == 3
    assert sum(job["counts"].values()) == 3
    assert job["progress"] == {"done": 0, "results": 0, "failures": 0, "failure_share": None}
    # In the order given, so that a caller chooses the canaries.
    targets = alice.get(f"{answer['Location']}targets/").json()["results"]
    assert [target["cp_id"] for target in targets] == ["CP003", "CP001", "CP002"]
    assert {target["state"] for target in targets} == {"waiting"}


def test_the_defaults_are_told(alice: APIClient) -> None:
    fleet(1)
    job = alice.post(JOBS, wish()).json()
    told = (
        "rate_per_minute",
        "canary",
        "stop_on_failure_share",
        "stop_min_sample",
        "if_offline",
        "expires_in",
    )
    assert tuple(job[name] for name in told) == (60, 0, None, 10, "skip", 60)
    assert alice.post(JOBS, wish(if_offline="queue")).json()["expires_in"] == 3600


def test_a_job_can_begin_later_and_the_zone_must_be_given(alice: APIClient, refusal: Any) -> None:
    fleet(1)
    job = alice.post(JOBS, wish(start_at=TOMORROW.isoformat())).json()
    assert (job["state"], job["started_at"]) == ("scheduled", None)
    refusal(alice.post(JOBS, wish(start_at="2099-01-01T00:00:00")), 422, "invalid", "start_at")
    refusal(alice.post(JOBS, wish(start_at="2020-01-01T00:00:00Z")), 422, "invalid", "start_at")


def test_a_person_stands_in_the_ledger_by_name(db: None) -> None:
    fleet(1)
    person = User.objects.create_user("alice", role="operator")
    client = APIClient()
    client.force_authenticate(person)
    assert client.post(JOBS, wish()).json()["by"] == "alice"
    steps(datetime.now(UTC))
    assert Command.objects.get().user == person


CONDITIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "vendor": ({"vendor": "ACME"}, ["A1", "A2"]),
    "vendor and model": ({"vendor": "acme", "model": "Two"}, ["A2"]),
    "firmware": ({"firmware_version": "1.4.2"}, ["A1"]),
    "version": ({"protocol": "ocpp1.6"}, ["A1", "A2", "B1"]),
    "site": ({"site": "harbour"}, ["A2", "B1"]),
    "label": ({"label": "zone:north"}, ["B1"]),
    "label of any value": ({"label": "zone"}, ["A1", "B1"]),
    "online": ({"online": True}, ["A1", "A2", "B1"]),
    "offline": ({"online": False}, ["B2"]),
    "registration": ({"registration": "pending"}, ["B2"]),
    "status": ({"status": "Faulted"}, ["A2"]),
    "text": ({"q": "b2"}, ["B2"]),
    "all": ({"all": True}, ["A1", "A2", "B1", "B2"]),
}


@pytest.fixture
def variety(db: None) -> None:
    """Charge points that differ in all that they can be chosen by."""
    acme = {"vendor": "Acme"}
    online(charge_point("A1", **acme, model="One", firmware_version="1.4.2", labels={"zone": "south"}))
    two = online(charge_point("A2", **acme, model="Two", site="Harbour"))
    connector(two, status="Faulted")
    online(charge_point("B1", site="harbour", labels={"zone": "north"}))
    charge_point("B2", registration="pending")
    charge_point("GONE", retired_at=NOON, vendor="Acme")


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_filter_chooses_as_the_list_of_charge_points_does(
    alice: APIClient, variety: None, name: str
) -> None:
    conditions, chosen = CONDITIONS[name]
    made = alice.post(JOBS, wish(targets={"filter": conditions}))
    assert made.status_code == 201, made.json()
    rows = alice.get(f"{made['Location']}targets/").json()["results"]
    assert [row["cp_id"] for row in rows] == chosen
    assert made.json()["filter"] == {key: value for key, value in conditions.items() if key != "all"}
    query = {
        key: str(value).lower() if value in (True, False) else value for key, value in conditions.items()
    }
    query.pop("all", None)
    listed = alice.get(f"{API}/charge-points/", query).json()["results"]
    assert [row["cp_id"] for row in listed] == chosen


def test_a_filter_is_judged_once(alice: APIClient, variety: None) -> None:
    made = alice.post(JOBS, wish(targets={"filter": {"vendor": "Acme"}}))
    ChargePoint.objects.filter(cp_id="A2").update(vendor="Other")
    online(charge_point("A3", vendor="Acme"))
    rows = alice.get(f"{made['Location']}targets/").json()["results"]
    assert [row["cp_id"] for row in rows] == ["A1", "A2"]


@pytest.mark.parametrize("door", [JOBS, PREVIEW])
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"type": "dance"}, "type"),
        ({"params": {"type": "softly"}}, "params.type"),
        ({"params": {"kind": "Soft"}}, "params.kind"),
        ({"params": {"type": "Soft\x00"}}, "params.type"),
        ({"type": "unlock-connector", "params": {"connector_id": "1"}}, "params.connector_id"),
        ({"type": "unlock-connector", "params": {}}, "params.connector_id"),
        ({"type": "data-transfer", "params": {"vendor_id": "a\u202eb"}}, "params.vendor_id"),
        ({"params": []}, "params"),
        ({"targets": {}}, "targets"),
        ({"targets": {"cp_ids": ["CP001"], "filter": {"all": True}}}, "targets"),
        ({"targets": {"cp_ids": []}}, "targets.cp_ids"),
        ({"targets": {"cp_ids": [7]}}, "targets.cp_ids.0"),
        ({"targets": {"cp_ids": ["CP001", "NOBODY", "a\u0001b"]}}, "targets.cp_ids"),
        ({"targets": {"cp_ids": ["CP001", "cp001"]}}, "targets.cp_ids"),
        ({"targets": {"cp_ids": ["CP001"] * 10_001}}, "targets.cp_ids"),
        ({"targets": {"filter": {}}}, "targets.filter"),
        ({"targets": {"filter": {"all": False}}}, "targets.filter"),
        ({"targets": {"filter": {"all": True, "vendor": "Acme"}}}, "targets.filter.all"),
        ({"targets": {"filter": {"vendor": "nobody's"}}}, "targets.filter"),
        ({"targets": {"filter": {"colour": "red"}}}, "targets.filter.colour"),
        ({"targets": {"filter": {"online": "true"}}}, "targets.filter.online"),
        ({"targets": {"all": True}}, "targets.all"),
        ({"rate_per_minute": 0}, "rate_per_minute"),
        ({"rate_per_minute": 6001}, "rate_per_minute"),
        ({"rate_per_minute": 1.5}, "rate_per_minute"),
        ({"canary": -1}, "canary"),
        ({"stop_on_failure_share": 1.01}, "stop_on_failure_share"),
        ({"stop_on_failure_share": "0.1"}, "stop_on_failure_share"),
        ({"stop_on_failure_share": 0.12345}, "stop_on_failure_share"),
        ({"stop_on_failure_share": True}, "stop_on_failure_share"),
        ({"stop_min_sample": 0}, "stop_min_sample"),
        ({"if_offline": "wait"}, "if_offline"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 604_801}, "expires_in"),
        ({"reason": "x" * 1001}, "reason"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_made(
    alice: APIClient, refusal: Any, door: str, values: dict[str, Any], field: str
) -> None:
    fleet(1)
    refusal(alice.post(door, wish(**values)), 422, "invalid", field)
    assert not BulkJob.objects.exists()


def test_those_whom_nobody_knows_are_named(alice: APIClient, refusal: Any) -> None:
    fleet(1)
    unknown = [f"NO{number}" for number in range(25)]
    said = refusal(
        alice.post(JOBS, wish(targets={"cp_ids": ["CP001", *unknown]})), 422, "invalid", "targets.cp_ids"
    )
    assert "'NO0', 'NO1'" in said["detail"]
    assert "'NO19' and 5 more" in said["detail"]


def test_many_are_found_whatever_their_case_with_few_queries(alice: APIClient) -> None:
    for name in ("Straße-1", "wallbox-a", "WALLBOX-B"):
        charge_point(name)
    ids = ["Straße-1", "WALLBOX-A", "wallbox-b"]
    with CaptureQueriesContext(connection) as queries:
        chosen = chosen_by_id(ids)
    assert [row.cp_id for row in chosen] == ["Straße-1", "wallbox-a", "WALLBOX-B"]
    assert len(queries) == 2
    made = alice.post(JOBS, wish(targets={"cp_ids": ids}))
    assert made.json()["total"] == 3


def test_who_may_only_look_makes_and_changes_nothing(
    bob: APIClient, charlie: APIClient, refusal: Any
) -> None:
    job = job_for(fleet(1))
    for door in (JOBS, PREVIEW, url(job, "pause/"), url(job, "resume/"), url(job, "cancel/")):
        refusal(bob.post(door, wish()), 403, "forbidden")
        refusal(charlie.post(door, wish()), 401, "unauthenticated")
    for door in (JOBS, url(job), url(job, "targets/")):
        assert bob.get(door).status_code == 200
        refusal(charlie.get(door), 401, "unauthenticated")


def test_a_command_that_needs_more_needs_it_here_too(
    alice: APIClient, refusal: Any, monkeypatch: Any
) -> None:
    from dataclasses import replace

    from csms.routing import COMMANDS

    fleet(1)
    monkeypatch.setitem(COMMANDS, "reset", replace(COMMANDS["reset"], scope="admin"))
    job = alice.post(JOBS, wish(type="clear-cache", params={})).json()
    BulkJob.objects.update(type="reset")
    for door in (JOBS, PREVIEW, f"{JOBS}{job['id']}/cancel/"):
        body = wish() if door in (JOBS, PREVIEW) else None
        assert "'admin'" in refusal(alice.post(door, body), 403, "forbidden")["detail"]
    admin = client_of("admin", "command", "admin")
    assert admin.post(JOBS, wish()).status_code == 201


def test_there_are_so_many_open_jobs_and_no_more(alice: APIClient, refusal: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(services, "OPEN_MAX", 1)
    fleet(1)
    assert alice.post(JOBS, wish()).status_code == 201
    refusal(alice.post(JOBS, wish()), 409, "too_many_bulk_jobs")


# --- looking ahead ----------------------------------------------------------------------------------------------------


def test_a_look_ahead_counts_who_would_be_refused_and_why(alice: APIClient) -> None:
    fleet(25)
    ChargePoint.objects.filter(cp_id__in=["CP002", "CP003"]).update(connection_id=None)
    ChargePoint.objects.filter(cp_id="CP004").update(retired_at=NOON)
    ChargePoint.objects.filter(cp_id="CP005").update(registration="rejected")
    ids = [f"CP{number:03}" for number in range(1, 26)]
    seen = alice.post(PREVIEW, wish(targets={"cp_ids": ids})).json()
    assert (seen["total"], seen["possible"], seen["sample"]) == (25, 21, ids[:20])
    assert seen["obstacles"] == [
        {"code": "not_accepted", "count": 1, "sample": ["CP005"]},
        {"code": "offline", "count": 2, "sample": ["CP002", "CP003"]},
        {"code": "retired", "count": 1, "sample": ["CP004"]},
    ]
    waited = alice.post(PREVIEW, wish(targets={"filter": {"all": True}}, if_offline="queue")).json()
    assert (waited["total"], waited["possible"]) == (24, 23)
    assert not BulkJob.objects.exists()
    assert not Command.objects.exists()


def test_a_look_ahead_costs_the_same_for_a_large_fleet(alice: APIClient) -> None:
    def looked(**values: Any) -> tuple[int, dict[str, Any]]:
        with CaptureQueriesContext(connection) as queries:
            values = {"targets": {"filter": {"all": True}}, "type": "clear-cache", "params": {}} | values
            answer = alice.post(PREVIEW, wish(**values))
        assert answer.status_code == 200
        return len(queries), answer.json()

    fleet(1)
    alice.post(PREVIEW, wish())
    before, _ = looked()
    for number in range(25):
        online(charge_point(f"X{number}"))
        for name, provisioning in ((f"Y{number}", ""), (f"Z{number}", "running")):
            online(charge_point(name, provisioning=provisioning))
    ChargePoint.objects.filter(cp_id__regex="^[YZ]").update(protocol="ocpp2.0.1")
    named = [f"{letter}{number}" for letter in "XYZ" for number in range(25)]
    for cost, seen in (looked(), looked(targets={"cp_ids": named})):
        assert cost == before
        assert seen["possible"] == seen["total"] - 25
        assert [(one["code"], one["count"]) for one in seen["obstacles"]] == [("not_accepted", 25)]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_results_are_listed_for_each_charge_point(alice: APIClient) -> None:
    chargers = fleet(3)
    ChargePoint.objects.filter(cp_id="CP002").update(connection_id=None)
    job = job_for(chargers)
    steps()
    answers(job, "Rejected", count=1)
    first, second, third = alice.get(url(job, "targets/")).json()["results"]
    assert (first["state"], first["answer_status"], first["position"]) == ("rejected", "Rejected", 1)
    assert alice.get(first["command_url"]).json()["id"] == first["command_id"]
    assert (second["state"], second["code"], second["command_url"]) == ("skipped", "offline", None)
    assert (third["state"], third["settled_at"]) == ("commanded", None)
    assert [row["cp_id"] for row in alice.get(url(job, "targets/?state=skipped")).json()["results"]] == [
        "CP002"
    ]
    shown = alice.get(url(job)).json()
    assert shown["counts"].items() >= {"rejected": 1, "skipped": 1, "commanded": 1, "waiting": 0}.items()
    assert shown["progress"] == {"done": 2, "results": 1, "failures": 1, "failure_share": 1}


def test_results_are_exported_and_sorted(alice: APIClient) -> None:
    job = job_for([online(charge_point(name)) for name in ("CP2", "CP1", "=CP3")])
    exported = alice.get(url(job, "targets/?format=csv&sort=cp_id"))
    assert exported["Content-Type"].startswith("text/csv")
    lines = b"".join(exported.streaming_content).decode().splitlines()
    assert lines[0].startswith("cp_id,position,state,code")
    assert [line.split(",")[0] for line in lines[1:]] == ["'=CP3", "CP1", "CP2"]


def test_jobs_are_listed_newest_first_with_filters_and_a_fixed_number_of_queries(
    alice: APIClient, refusal: Any
) -> None:
    chargers = fleet(1)
    jobs = [
        job_for(chargers),
        job_for(chargers, "reset", start_at=NOON + timedelta(days=1)),
        job_for(chargers),
    ]
    services.cancel_bulk_job(jobs[0], by="alice", now=NOON)

    def listed(query: str = "") -> list[str]:
        return [row["id"] for row in alice.get(JOBS + query).json()["results"]]

    ids = [str(job.pk) for job in jobs]
    assert listed() == ids[::-1]
    assert listed("?state=scheduled") == listed("?type=reset") == [ids[1]]
    assert listed("?state=cancelled&type=clear-cache") == [ids[0]]
    assert listed("?sort=-start_at")[0] == ids[1]
    refusal(alice.get(f"{JOBS}?state=done"), 422, "invalid", "state")
    refusal(alice.get(f"{JOBS}?type=dance"), 422, "invalid", "type")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert alice.get(JOBS).json()["results"][0]["counts"]["waiting"] == 1
        return len(queries)

    before = cost()
    for _ in range(5):
        job_for(chargers)
    assert cost() == before


def test_secrets_are_not_shown(alice: APIClient) -> None:
    fleet(1)
    key = "0123456789abcdef0123456789abcdef"
    made = alice.post(JOBS, wish(type="set-authorization-key", params={"key": key}))
    assert made.status_code == 201
    for answer in (made, alice.get(made["Location"]), alice.get(JOBS)):
        assert key not in answer.content.decode()
    assert key not in str(BulkJob.objects.values())


# --- holding it back --------------------------------------------------------------------------------------------------


def test_alice_pauses_resumes_and_cancels(alice: APIClient, refusal: Any) -> None:
    job = job_for(fleet(2))
    for part, then in (("pause/", "paused"), ("resume/", "running"), ("cancel/", "cancelled")):
        for _ in range(2):
            answer = alice.post(url(job, part))
            assert (answer.status_code, answer.json()["state"]) == (200, then)
    assert answer.json()["why_text"] == "token alice cancelled it"
    assert answer.json()["counts"]["not_sent"] == 2
    for part in ("pause/", "resume/"):
        said = refusal(alice.post(url(job, part)), 409, "bulk_job_over")
        assert "cancelled" in said["detail"]


def test_a_job_that_nobody_knows_is_404(alice: APIClient, refusal: Any) -> None:
    nowhere = f"{JOBS}{uuid4()}/"
    for door in (nowhere, f"{nowhere}targets/"):
        refusal(alice.get(door), 404, "unknown_bulk_job")
    for part in ("pause", "resume", "cancel"):
        refusal(alice.post(f"{nowhere}{part}/"), 404, "unknown_bulk_job")


def test_a_repeated_request_makes_one_job(alice: APIClient) -> None:
    fleet(1)
    first, second = (alice.post(JOBS, wish(), HTTP_IDEMPOTENCY_KEY="k1") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert second["Location"] == first["Location"]
    assert BulkJob.objects.count() == BulkTarget.objects.count() == 1
