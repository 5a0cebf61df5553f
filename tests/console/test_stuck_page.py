"""The desk of stuck sessions: the evidence in words, one click to put it right, refused to who may only look."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from chargers.models import ChargePoint, Command
from console.views.stuck import SHOWN
from csms.core.audit.selectors import done_to
from tests.console.cast import HOSTILE, make_charge_point, make_connector
from tests.console.fleet import make_online, make_reading, make_transaction
from transactions.models import Transaction
from transactions.stuck.counting import forget_counts
from transactions.stuck.models import Correction

PATH = "/inspect/stuck"
END, STOP = f"{PATH}/steps/zombie/ended", f"{PATH}/steps/zombie/stop_ordered"


def zombie(number: int = 7, **values: Any) -> Transaction:
    now = timezone.now()
    charge_point = make_charge_point(f"CP{number}", last_seen_at=now - timedelta(hours=2))
    make_connector(charge_point, received_at=now - timedelta(hours=1))
    started = {"started_at": now - timedelta(hours=3), "start_received_at": now - timedelta(hours=3)}
    transaction = make_transaction(charge_point, number, **started | values)
    make_reading(transaction, 90, 4000)
    return transaction


def test_the_desk_says_how_far_it_looks_and_is_read_again_every_half_minute(bob: Client) -> None:
    text = bob.get(PATH, {"kind": "unmatched"}).content.decode()
    assert "at the newest 10,000 such readings at most" in text
    for part in ("kinds", "cases"):
        assert f'<div id="{part}" data-live="stuck" data-live-every="30">' in text


def test_nothing_stuck_says_so(bob: Client) -> None:
    text = bob.get(PATH).content.decode()
    assert "Nothing is stuck" in text
    assert "CSMS_INFERRED_END_GRACE" in text


def test_a_zombie_is_shown_with_its_evidence_and_bounds(alice: Client) -> None:
    transaction = zombie(id_token=HOSTILE[:20])
    text = alice.get(PATH).content.decode()
    assert "Its connector has been Available since <time" in text
    assert "Its charge point is offline and was last heard of at <time" in text
    assert "4\u202f000\u00a0Wh" in text
    assert "bound: 30 min 0 s" in text
    assert f'id="case-{transaction.pk}"' in text
    assert "3.00\u00a0kWh" in text
    assert HOSTILE[:20] not in text
    assert "The charge point is offline." in text  # so it cannot be asked


def test_one_click_ends_it_after_a_question_and_leaves_a_trace(alice: Client) -> None:
    transaction = zombie()
    fields = {"transaction": str(transaction.pk), "reason": "the driver called"}
    asked = alice.post(END, fields)
    assert "The real end, if it still comes, replaces it." in asked.content.decode()
    assert Transaction.objects.get().status == "active"
    answer = alice.post(END, fields | {"confirmed": "yes"}, follow=True)
    assert "Ended with its last register." in answer.content.decode()
    row = Transaction.objects.get()
    assert (row.status, row.energy_wh, row.end_evidence) == ("ended", 3000, "person")
    [entry] = done_to("transaction", row.pk)
    assert (entry.by, entry.reason) == ("alice", "the driver called")
    page = alice.get(f"/inspect/transactions/{row.pk}").content.decode()
    assert "<bdi>alice</bdi> ended it with its last register: <bdi>the driver called</bdi>" in page


def test_what_the_charge_point_said_meanwhile_goes_first(alice: Client) -> None:
    transaction = zombie()
    Transaction.objects.update(status="ended", end_source="reported", stopped_at=timezone.now(), energy_wh=1)
    fields = {"transaction": str(transaction.pk), "reason": "why", "confirmed": "yes"}
    answer = alice.post(END, fields, follow=True)
    assert "Nothing was done: The charge point has reported the end" in answer.content.decode()
    assert Transaction.objects.get().energy_wh == 1


def test_the_charge_point_is_asked_to_stop(alice: Client) -> None:
    transaction = zombie()
    make_online(transaction.charge_point)
    fields = {"transaction": str(transaction.pk), "reason": "it is free", "confirmed": "yes"}
    answer = alice.post(STOP, fields, follow=True)
    assert "The charge point was asked to stop it" in answer.content.decode()
    command = Command.objects.get()
    assert (command.type, command.params, command.reason) == (
        "remote-stop",
        {"transaction_id": "7"},
        "it is free",
    )


@pytest.mark.parametrize(
    ("step", "missing"),
    [("ended", "change anything"), ("dismissed", "change anything"), ("stop_ordered", "command")],
)
def test_who_may_only_look_is_refused_and_sees_no_button(bob: Client, step: str, missing: str) -> None:
    transaction = zombie()
    assert "case-steps" not in bob.get(PATH).content.decode()
    fields = {"transaction": str(transaction.pk), "reason": "why", "confirmed": "yes"}
    answer = bob.post(f"{PATH}/steps/zombie/{step}", fields)
    assert answer.status_code == 403
    assert missing in answer.content.decode()
    assert Transaction.objects.get().status == "active"
    assert not Correction.objects.exists()


def test_without_a_reason_nothing_is_done(alice: Client) -> None:
    transaction = zombie()
    answer = alice.post(END, {"transaction": str(transaction.pk), "confirmed": "yes"}, follow=True)
    assert "Say why" in answer.content.decode()
    assert Transaction.objects.get().status == "active"


@pytest.mark.parametrize("path", [f"{PATH}/steps/nonsense/ended", f"{PATH}/steps/zombie/nonsense"])
def test_steps_that_nobody_knows(alice: Client, path: str) -> None:
    assert alice.post(path, {"reason": "x"}).status_code == 404
    assert alice.get(END).status_code == 405


def test_counts_are_there_for_every_kind_and_dismissing_lowers_them(
    alice: Client, django_capture_on_commit_callbacks: Any
) -> None:
    transaction = zombie()
    make_transaction(transaction.charge_point, 8, status="ended", orphan=True, stopped_at=timezone.now())
    text = alice.get(PATH, headers={"Live": "kinds"}).content.decode()
    assert text.count('class="kind kind-some"') == 2
    fields = {"transaction": str(transaction.pk), "reason": "the site has no power"}
    with django_capture_on_commit_callbacks(execute=True):
        alice.post(f"{PATH}/steps/zombie/dismissed", fields)
    text = alice.get(PATH, headers={"Live": "kinds"}).content.decode()
    assert text.count('class="kind kind-some"') == 1


def test_one_costs_as_many_queries_as_thirty(alice: Client, django_assert_num_queries: Any) -> None:
    zombie()
    # Session, person, a count of each of seven kinds; the cases with their connectors and corrections.
    with django_assert_num_queries(12):
        alice.get(PATH)
    for number in range(100, 130):
        zombie(number)
    forget_counts()
    with django_assert_num_queries(12):
        text = alice.get(PATH).content.decode()
    assert text.count('class="case"') == SHOWN == 30
    assert "The first 30 are shown; the others follow as these are put right." in text
    assert ChargePoint.objects.count() == 31
