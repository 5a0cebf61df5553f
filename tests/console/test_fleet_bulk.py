"""One command for what was chosen of the fleet: looked ahead, asked, then a bulk job; and who may not."""

import re

import pytest
from django.test import Client

from chargers.bulk.choosing import TARGETS_MAX
from chargers.bulk.models import BulkJob, BulkTarget
from chargers.models import ChargePoint
from tests.console.cast import make_charge_point
from tests.console.fleet import make_online

PATH = "/inspect/fleet/command"
MANNER = {"job-rate": "60", "job-canary": "1", "job-if_offline": "skip", "job-reason": "memory leak"}
RESET = {"bulk_type": "reset", "type": "Soft", **MANNER}
CP1 = {"cp": ["CP1"]}


@pytest.fixture
def fleet(db: None) -> None:
    for name in ("CP1", "CP2"):
        make_online(make_charge_point(name, site="Harbour"))
    make_charge_point("CP3", site="Harbour")
    make_online(make_charge_point("CP4"))


def targets() -> list[str]:
    return list(BulkTarget.objects.order_by("position").values_list("charge_point__cp_id", flat=True))


def seen(alice: Client, chosen: dict) -> dict:
    """What the form carries of whom it was shown for."""
    text = alice.post(PATH, {"bulk_type": "reset", **chosen}).content.decode()
    (expected,) = re.findall(r'name="bulk_expected" value="([^"]+)"', text)
    return {"bulk_expected": expected}


def test_ticked_ones_are_commanded_after_a_look_and_a_question(alice: Client, fleet: None) -> None:
    chosen = {"cp": ["CP3", "CP1"]}
    text = alice.post(PATH, {"bulk_type": "reset", **chosen}).content.decode()
    assert "Reset for 2 charge points" in text
    assert "If it began now" not in text
    text = alice.post(PATH, RESET | chosen | {"bulk_step": "preview"}).content.decode()
    assert "<strong>1</strong> of 2 could be commanded" in text
    assert "offline" in text
    assert not BulkJob.objects.exists()
    send = RESET | chosen | seen(alice, chosen) | {"bulk_step": "send"}
    text = alice.post(PATH, send).content.decode()  # without script
    assert "“Reset” for 2 charge points?" in text
    assert text.count('name="cp"') == 2
    answer = alice.post(PATH, send | {"confirmed": "yes"})
    job = BulkJob.objects.get()
    assert answer.url == f"/sys/commands/jobs/{job.pk}"
    assert (job.by, job.reason, job.canary, job.params) == ("alice", "memory leak", 1, {"type": "Soft"})
    assert (targets(), job.chosen_by) == (["CP3", "CP1"], None)


def test_all_that_match_means_all_pages(alice: Client, fleet: None) -> None:
    for number in range(120):
        make_charge_point(f"M{number:03}", site="Harbour")
    chosen = {"bulk_all": "1", "bulk_query": "site=harbour&page=2&sort=-cp_id"}
    alice.post(PATH, RESET | chosen | seen(alice, chosen) | {"bulk_step": "send", "confirmed": "yes"})
    job = BulkJob.objects.get()
    assert (job.total, job.chosen_by) == (123, {"site": "harbour"})
    assert "CP4" not in targets()


@pytest.mark.parametrize(("joined", "left", "now"), [("CP4", "CP3", 3), ("CP4", "", 4), ("", "CP3", 2)])
def test_when_others_match_than_were_seen_it_is_asked_again(
    alice: Client, fleet: None, joined: str, left: str, now: int
) -> None:
    chosen = {"bulk_all": "1", "bulk_query": "site=Harbour"}
    send = RESET | chosen | seen(alice, chosen) | {"bulk_step": "send", "confirmed": "yes"}
    ChargePoint.objects.filter(cp_id=joined).update(site="Harbour")
    ChargePoint.objects.filter(cp_id=left).update(site="Depot")
    answer = alice.post(PATH, send)
    assert answer.status_code == 409
    assert f"it is for {now} now" in answer.content.decode()
    assert not BulkJob.objects.exists()
    alice.post(PATH, send | seen(alice, chosen))
    assert BulkJob.objects.get().total == now


@pytest.mark.parametrize(
    ("posted", "said"),
    [
        ({"bulk_type": ""}, "Choose a command first"),
        ({"cp": []}, "Nothing is chosen"),
        ({"cp": ["NOBODY"]}, "Nobody knows"),
        ({"cp": ["\u0000"]}, "Nobody knows"),
        ({"cp": [], "bulk_all": "1", "bulk_query": "q=zzz"}, "No charge point matches any more"),
        ({"type": "Sideways"}, "Select a valid choice"),
        ({"job-rate": "0"}, "greater than or equal to 1"),
        ({"job-stop_percent": "101"}, "less than or equal to 100"),
        ({"job-start_at": "2020-01-01T00:00"}, "not in the future"),
    ],
)
def test_what_cannot_be_is_said(alice: Client, fleet: None, posted: dict, said: str) -> None:
    send = RESET | CP1 | seen(alice, CP1) | {"bulk_step": "send", "confirmed": "yes"} | posted
    assert said in alice.post(PATH, send, follow=True).content.decode()
    assert not BulkJob.objects.exists()


def test_a_job_has_a_bound(alice: Client, db: None) -> None:
    rows = (
        ChargePoint(cp_id=f"N{number}", created_at="2026-01-01T00:00Z") for number in range(TARGETS_MAX + 1)
    )
    ChargePoint.objects.bulk_create(rows)
    text = alice.post(PATH, RESET | {"bulk_all": "1", "bulk_query": ""}, follow=True).content.decode()
    assert "More than 10,000 charge points match" in text


def test_who_only_looks_sees_no_boxes_and_is_refused(bob: Client, alice: Client, fleet: None) -> None:
    text = bob.get("/inspect/charge-points").content.decode()
    assert 'name="cp"' not in text
    assert "bulk-all" not in text
    assert bob.post(PATH, RESET | CP1 | {"bulk_step": "send", "confirmed": "yes"}).status_code == 403
    # What a charge point trusts is for administrators.
    text = alice.get("/inspect/charge-points").content.decode()
    assert 'value="install-certificate"' not in text
    assert alice.post(PATH, CP1 | {"bulk_type": "install-certificate"}).status_code == 403
    assert not BulkJob.objects.exists()
    assert alice.get(PATH).status_code == 405
