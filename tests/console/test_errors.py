"""What goes wrong is said in a page of ours, and who signs in again is back where they were."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import SuspiciousOperation
from django.test import Client, RequestFactory
from django.urls import path
from django.utils import timezone

from chargers.models import Frame
from console.errors import bad_request
from csms.urls import handler400, handler500
from csms.urls import urlpatterns as real_urls
from tests.console.cast import make_charge_point, person, signed_in
from transactions.models import IdToken

HTMX = {"HX-Request": "true", "HX-Target": "list"}


def fail(request: Any) -> Any:
    raise RuntimeError("a secret of the house")


urlpatterns = [path("fails", fail), *real_urls]
__all__ = ["handler400", "handler500"]


def frames_shown(client: Client, **values: Any) -> str:
    charge_point = make_charge_point("CP16")
    values = {"direction": "in", "kind": 4, "action": "Reset", "verdict": "ok"} | values
    values = {"text": '[4,"1","NotSupported","no",{}]', "at": timezone.now()} | values
    Frame.objects.create(charge_point=charge_point, connection_id=charge_point.pk, **values)
    return client.get("/inspect/charge-points/CP16", headers={"Live": "frames"}).content.decode()


# --- the outcome of a frame --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "kind", "meaning"),
    [
        ("in", 4, "The charge point answered with an error."),
        ("in", 5, "The charge point answered with an error."),
        ("out", 4, "The charge point was answered with an error."),
    ],
)
def test_an_error_answer_is_called_one_and_not_ok(
    alice: Client, direction: str, kind: int, meaning: str
) -> None:
    shown = frames_shown(alice, direction=direction, kind=kind)
    assert f'<span class="chip chip-bad" title="{meaning}">Error answer</span>' in shown
    assert ">OK</span>" not in shown
    assert "NotSupported</span>" in shown


def test_an_error_answer_that_came_late_is_both(alice: Client) -> None:
    shown = frames_shown(alice, verdict="late")
    assert ">Error answer</span>" in shown
    assert ">Late</span>" in shown


@pytest.mark.parametrize("text", ["[4", "[4]", "{}", "4", '[4,"1",["<b>"],"",{}]', '[4,"1","<b>","",{}]'])
def test_an_error_answer_in_any_shape_is_listed(alice: Client, text: str) -> None:
    shown = frames_shown(alice, text=text)
    assert ">Error answer</span>" in shown
    assert "<b>" not in shown


def test_an_answer_that_is_no_error_is_ok(alice: Client) -> None:
    shown = frames_shown(alice, kind=3, text='[3,"1",{}]')
    assert ">OK</span>" in shown
    assert "Error answer" not in shown


# --- signing in again --------------------------------------------------------------------------------------------


def next_of(location: str) -> str:
    parts = urlsplit(location)
    assert parts.path == "/sign-in"
    return parse_qs(parts.query)["next"][0]


def test_who_signs_in_again_after_a_fragment_is_back_on_the_page(client: Client, db: None) -> None:
    open_page = "http://testserver/inspect/charge-points?faults=1&q=a%26b#commands"
    answer = client.get("/inspect/transactions?q=x", headers=HTMX | {"HX-Current-URL": open_page})
    assert answer.status_code == 401
    assert next_of(answer["HX-Redirect"]) == "/inspect/charge-points?faults=1&q=a%26b"


def test_who_signs_in_again_after_an_order_is_back_on_the_page(client: Client, db: None) -> None:
    order, shown = "/inspect/charge-points/CP16/commands/reset", "/inspect/charge-points/CP16"
    by_script = client.post(order, headers=HTMX | {"HX-Current-URL": f"http://testserver{shown}"})
    assert next_of(by_script["HX-Redirect"]) == shown
    plain = client.post(order, headers={"Referer": f"http://testserver{shown}"})
    assert next_of(plain["Location"]) == shown
    assert next_of(client.post(order)["Location"]) == "/"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://elsewhere.example/inspect",
        "//elsewhere.example/inspect",
        "http://testserver@elsewhere.example/",
        "http://testserver:81/inspect",
        "javascript:alert(1)",
        "http://[",
        "",
    ],
)
def test_a_page_of_another_host_is_not_where_one_lands(client: Client, db: None, elsewhere: str) -> None:
    answer = client.get("/inspect/transactions", headers=HTMX | {"HX-Current-URL": elsewhere})
    assert next_of(answer["HX-Redirect"]) == "/"


def test_a_path_that_a_browser_reads_as_a_host_is_not_where_one_lands(client: Client, db: None) -> None:
    headers = HTMX | {"HX-Current-URL": "http://testserver//elsewhere.example/"}
    assert next_of(client.get("/inspect/transactions", headers=headers)["HX-Redirect"]) == "/"


# --- errors are pages of ours ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "address", "says"),
    [
        ("get", "/sys/tokens/4711", "There is no such token"),
        ("post", "/sys/tokens/4711/change", "There is no such token"),
        ("post", "/sys/tokens/4711/block", "There is no such token"),
        ("post", "/sys/tokens/4711/delete", "There is no such token"),
        ("get", "/inspect/frames?frame=00000000-0000-7000-8000-000000000000", "There is no such frame"),
    ],
)
def test_what_is_not_there_is_said_in_words_of_ours(
    alice: Client, method: str, address: str, says: str
) -> None:
    answer = getattr(alice, method)(address)
    assert answer.status_code == 404
    page = answer.content.decode()
    assert says in page
    assert "matches the given query" not in page


@pytest.mark.parametrize(
    ("address", "back"),
    [
        ("/inspect/charge-points/CP16/commands/reset", "/inspect/charge-points/CP16/commands"),
        ("/inspect/charge-points/CP%3916/registration", "/inspect/charge-points/CP916"),
        ("/inspect/charge-points/a%22%3E%C3%A9/registration", "/inspect/charge-points/a%22%3E%C3%A9"),
        ("/sys/tokens/1/block", "/sys/tokens/1"),
        ("/sys/tokens/add", "/sys/tokens"),
        ("/sign-out", "/"),
    ],
)
def test_an_address_for_orders_that_is_opened_says_so_and_leads_back(
    alice: Client, address: str, back: str
) -> None:
    page = alice.get(address)
    assert page.status_code == 405
    assert page["Allow"] == "POST"
    text = page.content.decode()
    assert "This address is not a page" in text
    assert f'<a class="btn btn-primary" href="{back}">' in text


def test_a_method_that_sign_in_does_not_know_is_said_too(client: Client, db: None) -> None:
    page = client.put("/sign-in")
    assert page.status_code == 405
    assert page["Allow"] == "GET, HEAD, POST"
    assert "This address is not a page" not in page.content.decode()
    assert "quiet-card" in page.content.decode()


def test_a_form_that_is_too_large_is_said_and_does_nothing(alice: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    page = alice.post("/sys/tokens/add", {"id_token": "T" * 2000})
    assert page.status_code == 413
    assert "That was too much" in page.content.decode()
    assert not IdToken.objects.exists()


def test_an_unknown_host_name_is_said_without_naming_it(alice: Client) -> None:
    page = alice.get("/", headers={"Host": "elsewhere.example"})
    assert page.status_code == 400
    assert "The request cannot be read" in page.content.decode()
    assert "elsewhere" not in page.content.decode()
    assert "CSMS_ALLOWED_HOSTS" in page.content.decode()


def test_an_unknown_host_name_is_one_line_of_the_log(alice: Client, caplog: pytest.LogCaptureFixture) -> None:
    alice.get("/", headers={"Host": "elsewhere.example"})
    [line] = [line for line in caplog.records if "DisallowedHost" in line.name]
    assert (line.levelname, line.getMessage(), line.exc_info) == ("WARNING", "http.wrong_host", None)
    assert (line.host, line.setting) == ("elsewhere.example", "CSMS_ALLOWED_HOSTS")


def test_other_requests_that_cannot_be_read_do_not_speak_of_names() -> None:
    page = bad_request(RequestFactory().get("/"), SuspiciousOperation("a cookie of stone"))
    assert page.status_code == 400
    assert "CSMS_ALLOWED_HOSTS" not in page.content.decode()


def test_the_api_keeps_its_envelope_when_a_request_cannot_be_read(client: Client, db: None) -> None:
    answer = client.get("/api/v1/transactions/", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "malformed"
    assert "CSMS_ALLOWED_HOSTS" in answer.json()["error"]["detail"]


def test_bob_who_may_not_is_told_why(bob: Client) -> None:
    make_charge_point("CP16")
    page = bob.post("/inspect/charge-points/CP16/registration", {"registration": "accepted"})
    assert page.status_code == 403
    assert "Your account may look but not change anything." in page.content.decode()


def test_a_form_without_its_secret_is_told_so(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.post("/sign-in", {"username": "alice"})
    assert page.status_code == 403
    assert "The form was refused" in page.content.decode()


def test_what_is_not_there_is_called_by_its_name(alice: Client) -> None:
    page = alice.get("/inspect/charge-points/NOBODY")
    assert page.status_code == 404
    assert "No charge point has the identity &#x27;NOBODY&#x27;." in page.content.decode()
    assert "No page has the address" in alice.get("/nowhere").content.decode()


@pytest.mark.urls("tests.console.test_errors")
def test_our_own_failure_is_said_and_tells_nothing(db: None) -> None:
    client = signed_in(person("alice", "operator"))
    client.raise_request_exception = False
    page = client.get("/fails")
    assert page.status_code == 500
    assert "Something went wrong here" in page.content.decode()
    assert "secret" not in page.content.decode()


def test_the_admin_names_an_error_answer_too(db: None) -> None:
    admin = signed_in(person("carol", "administrator", is_staff=True, is_superuser=True))
    frames_shown(admin)
    page = admin.get("/admin/chargers/frame/").content.decode()
    assert '<td class="field-message_kind">CALLERROR</td>' in page
