"""The OpenAPI document says all that the API does, and what it says is so."""

import dataclasses
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.core.management import CommandError, call_command
from drf_spectacular.generators import SchemaGenerator
from playwright.sync_api import Page, expect
from rest_framework.test import APIClient

from chargers.protocol.versions import Version
from chargers.services import PASSWORD_MAX, PASSWORD_MIN
from csms import api_docs
from csms.api_examples import EXAMPLES, EXAMPLES_2X
from csms.api_urls import urlpatterns
from csms.core.access.models import ApiToken
from csms.core.api_sharing import share
from csms.core.config import load_config
from csms.routing import COMMANDS, ORDERS
from tests.alerting.cast import A_SILENCE, a_rule
from tests.alerts.cast import a_silence, an_alert, an_incident
from tests.api.cast import (
    API,
    bulk_job,
    certificate,
    charge_point,
    client_of,
    command,
    connector,
    delivery,
    ended,
    event,
    frame,
    local_list,
    online,
    peculiarities,
    reading,
    reservation,
    security_event,
    session,
    signing_request,
)
from tests.api.documents import inlined, the_document
from tests.api.stations import a_run
from tests.channels.cast import a_notification
from tests.diagnostics.cast import a_file, a_job, a_report
from tests.firmware.cast import an_update
from tests.network.cast import a_change, a_profile
from tests.support.server import Server, running_server
from tests.tariffs.cast import assigned, tariff
from transactions.models import IdToken

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document; a warning of its maker or an error against the OpenAPI meta-schema fails here."""
    out = io.StringIO()
    call_command(
        "spectacular", "--fail-on-warn", "--validate", format="openapi-json", stdout=out, no_color=True
    )
    return inlined(json.loads(out.getvalue()))


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_it_is_openapi_31_and_has_every_route(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    named = [pattern for pattern in urlpatterns if getattr(pattern, "name", None)]
    assert len(named) == len(document["paths"]) + 3  # the document itself and its pages
    for slug in COMMANDS:
        assert f"{API}/charge-points/{{cp_id}}/commands/{slug}/" in document["paths"]


def test_every_operation_is_named_described_and_secured(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    chapters = {tag["name"] for tag in document["tags"]}
    assert all(tag["description"] for tag in document["tags"])
    assert chapters == {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert re.search("Scope `(read|command|write|admin)`|[Ss]cope", operation["description"]), (
            method,
            path,
        )
        assert {"bearer": []} in operation["security"], (method, path)
        assert {"401", "403", "422"} <= set(operation["responses"]), (method, path)
        if "requestBody" in operation:
            [(kind, media)] = operation["requestBody"]["content"].items()
            assert "$ref" in media["schema"] or (kind == "text/csv" and media["examples"]), (method, path)
    schemes = document["components"]["securitySchemes"]
    assert schemes["bearer"]["scheme"] == "bearer"
    assert all(scheme["description"] for scheme in schemes.values())


def test_what_is_the_same_for_many_is_said_once() -> None:
    answer = {"content": {"application/json": {"examples": {"unknown_charge_point": {}}}}}
    other = answer | {"description": "another"}
    key = {"name": "X-Key", "in": "header"}
    document: dict[str, Any] = {
        "paths": {
            path: {
                "get": {"parameters": [key | {"in": "query"}, dict(key)], "responses": {"404": dict(given)}}
            }
            for path, given in {"/a": answer, "/b": answer, "/c": other, "/d": answer, "/e": other}.items()
        },
        "components": {},
    }
    as_it_was = json.loads(json.dumps(document["paths"]))
    share(document)
    assert document["components"]["responses"] == {"UnknownChargePoint": answer}
    assert list(document["components"]["parameters"]) == ["XKey"]
    one = document["paths"]["/a"]["get"]
    assert one["responses"] == {"404": {"$ref": "#/components/responses/UnknownChargePoint"}}
    assert document["paths"]["/c"]["get"]["responses"] == {"404": other}  # the name is taken
    assert inlined(document)["paths"] == as_it_was


def test_the_document_stays_small_enough_to_be_read() -> None:
    document = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    for method, path, operation in operations(document):
        for status in ("401", "406"):
            assert "$ref" in operation["responses"][status], (method, path, status)
        names = {parameter.get("$ref", "").rsplit("/", 1)[-1] for parameter in operation["parameters"]}
        assert "XRequestID" in names, (method, path)


def test_examples_of_requests_are_what_their_schema_allows() -> None:
    document = the_document()
    shown = {}
    for method, path, operation in operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            for example in media.get("examples", {}).values():
                schema = {**media["schema"], "components": document["components"]}
                jsonschema.Draft202012Validator(schema).validate(example["value"])
                shown[operation["operationId"]] = (method, path)
    assert {*EXAMPLES, *EXAMPLES_2X} <= set(shown)
    of_2x = {slug.replace("-", "_") for slug in ORDERS[Version.V201].keys() - ORDERS[Version.V16].keys()}
    assert of_2x <= set(EXAMPLES_2X)
    for name in ("remote_start", "send_ocpp", "create_bulk_job", "add_tariff", "register_id_token"):
        assert name in shown


def test_every_error_has_the_envelope_and_an_example_of_it(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            [media] = response["content"].values()
            assert "schemas/Error" in json.dumps(media["schema"]), (method, path, status)
            assert media["examples"], (method, path, status)
            for example in media["examples"].values():
                check(document, "Error", example["value"])


def test_every_field_has_a_type(document: dict[str, Any]) -> None:
    known = {"type", "$ref", "oneOf", "anyOf", "allOf", "enum"}
    for name, schema in document["components"]["schemas"].items():
        for field, value in schema.get("properties", {}).items():
            assert known & set(value), (name, field)
            if field.endswith("_wh"):
                assert value["type"] in ("integer", ["integer", "null"]), (name, field)


def test_a_filter_that_refuses_an_unknown_charge_point_says_so(document: dict[str, Any]) -> None:
    ledger = document["paths"][f"{API}/commands/ledger/"]["get"]
    [media] = ledger["responses"]["404"]["content"].values()
    assert [example["value"]["error"]["code"] for example in media["examples"].values()] == [
        "unknown_charge_point"
    ]


@pytest.mark.parametrize("name", ["NewChargePointRequest", "PasswordRequest"])
def test_the_bounds_of_a_password_are_told(document: dict[str, Any], name: str) -> None:
    password = document["components"]["schemas"][name]["properties"]["password"]
    assert (password["minLength"], password["maxLength"]) == (PASSWORD_MIN, PASSWORD_MAX)


def check(document: dict[str, Any], name: str, value: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


def test_answers_are_what_the_document_says(
    document: dict[str, Any], bob: APIClient, servers_beside: None
) -> None:
    dora = client_of("dora", "admin")
    cp16 = online(charge_point())
    connector(cp16)
    running, done = session(cp16), ended(cp16)
    reading(cp16, running)
    reading(cp16, None)
    frame(cp16)
    made = command(cp16, error_code="GenericError", late_at=cp16.created_at, effect_at=cp16.created_at)
    reserved = reservation(cp16)
    local_list(cp16)
    asked_for = signing_request(cp16)
    certificate(cp16)
    a_profile(cp16)
    a_run(cp16)
    security_event(cp16)
    log = a_job(cp16)
    a_report(log)
    traits = peculiarities(cp16)
    place = assigned(tariff(energy_price="0.45"))
    jobs = {
        "/webhooks/deliveries/": (posted := delivery()),
        "/webhooks/": posted.endpoint,
        "/prometheus/rules/": a_rule(),
        "/alerts/": an_alert(cp16),
        "/notifications/": (told := a_notification()),
        "/alert-channels/": told.channel,
        "/alert-silences/": a_silence(),
        "/alert-incidents/": an_incident(cp16),
        "/bulk-jobs/": bulk_job(cp16),
        "/model-traits/": traits,
        "/tariffs/": place.tariff,
        "/tariff-assignments/": place,
        "/firmware-jobs/": an_update(cp16),
        "/log-jobs/": log,
        "/security-profile-changes/": a_change(cp16),
        "/files/": a_file(log),
        "/configuration/results/": command(cp16, type="get-configuration", params={"keys": ["A"]}),
    }
    IdToken.objects.create(id_token="A/LICE", created_at=cp16.created_at)
    happened = event(cp16)
    names = {"cp_id": "CP16", "id_token": "A%2FLICE", "name": "CSMS_HEARTBEAT_INTERVAL"}
    names |= {"slug": "clock-off", "rule": "clock-off"}
    asked = 0
    for method, path, operation in operations(document):
        if method != "get":
            continue
        tokens = {"/api-tokens/": ApiToken.objects.get(name="dora")}
        kinds = {
            "/commands/": made,
            "/reservations/": reserved,
            **tokens,
            "/certificate-requests/": asked_for,
            **jobs,
        }
        names["id"] = str(next((row for part, row in kinds.items() if part in path), running).pk)
        if "/alertmanager/" in path:
            names["id"] = A_SILENCE["id"]
        if "/events/" in path and "/transactions/" not in path:
            names["id"] = happened
        looker = dora if "Scope `admin`" in operation["description"] else bob
        answer = looker.get(path.format(**names))
        assert answer.status_code == 200, (path, answer.json())
        content = dict(operation["responses"]["200"]["content"])
        if csv := content.pop("text/csv", None):
            [example] = csv["examples"].values()
            file = looker.get(path.format(**names), headers={"Accept": "text/csv"})
            assert b"".join(file).decode().startswith(example["value"]), path
            file = looker.get(path.format(**names), headers={"Accept": "application/x-ndjson"})
            assert content.pop("application/x-ndjson")
            assert [json.loads(line) for line in b"".join(file).splitlines()] == answer.json()["results"]
        [(media_type, media)] = content.items()
        assert answer["Content-Type"] == media_type
        if answer.streaming:
            continue  # a file
        if media_type == "application/xml":
            assert answer.content.startswith(b"<?xml"), path
            continue
        check(document, media["schema"]["$ref"].rsplit("/", 1)[1], answer.json())
        asked += 1
    check(document, "Transaction", bob.get(f"{API}/transactions/{done.pk}/").json())
    assert asked >= 14


def test_the_document_is_served_as_json(charlie: APIClient) -> None:
    answer = charlie.get(f"{API}/schema/")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("application/json")
    assert answer.json()["info"]["title"] == "csms"


# --- the pages --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data: Path = tmp_path_factory.mktemp("docs")
    with running_server(data) as server:
        yield server


PATIENCE = 150_000  # ms; the pages draw every operation at once, on a machine that may be busy


@dataclasses.dataclass
class Witness:
    """What a page complained of, and whom it asked."""

    complaints: list[str] = dataclasses.field(default_factory=list)
    hosts: set[str] = dataclasses.field(default_factory=set)


@pytest.fixture
def witness(page: Page) -> Witness:
    page.set_default_timeout(PATIENCE)
    page.set_default_navigation_timeout(PATIENCE)
    seen = Witness()
    page.on("console", lambda said: seen.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on(
        "request",
        lambda request: seen.hosts.add(re.sub(r"^(data:|blob:).*|^(https?://[^/]+).*", r"\1\2", request.url)),
    )
    return seen


def test_swagger_ui_works_under_our_content_security_policy(
    server: Server, page: Page, witness: Witness
) -> None:
    key = server.manage("create_api_token", "docs").stdout.strip()
    answer = page.goto(f"{server.base_url}/api/v1/docs")
    assert answer is not None
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    expect(page.get_by_role("heading", name=re.compile("csms"))).to_be_visible(timeout=PATIENCE)

    page.get_by_role("button", name="Authorize").click()
    page.get_by_label("auth-bearer-value").fill(key)
    page.get_by_role("button", name="Apply credentials").first.click()
    page.get_by_role("button", name="Close").first.click()
    operation = page.locator("#operations-Charge_points-list_charge_points")
    for _ in range(200):  # of a long list it draws what is in sight alone: look for it as a reader does
        if operation.count():
            break
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(100)
    operation.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text(
        "200", timeout=PATIENCE
    )
    expect(page.locator(".live-responses-table")).to_contain_text("next_cursor", timeout=PATIENCE)

    assert witness.complaints == []
    assert witness.hosts <= {server.base_url, "data:"}


def test_redoc_shows_every_chapter_and_runs_no_script_but_ours(
    server: Server, page: Page, witness: Witness, document: dict[str, Any]
) -> None:
    answer = page.goto(f"{server.base_url}/api/v1/reference")
    assert answer is not None
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    for tag in document["tags"]:
        expect(page.get_by_role("menuitem", name=tag["name"], exact=True).first).to_be_attached(
            timeout=PATIENCE
        )
    page.get_by_role("textbox", name="Search").fill("reserve")
    found = page.get_by_role("menuitem", name=re.compile("reserv", re.IGNORECASE))
    expect(found.first).to_be_visible(timeout=PATIENCE)
    # Redoc's maker would have its logo from elsewhere; the policy sees to it that nobody is asked.
    assert [
        text for text in witness.complaints if "redoc" not in text or "Content Security Policy" not in text
    ] == []
    assert {host for host in witness.hosts if "redoc" not in host} <= {server.base_url, "data:", "blob:"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("settings", "on"),
    [
        ({}, True),
        ({"CSMS_HOST": "0.0.0.0"}, False),
        ({"CSMS_BEHIND_TLS_PROXY": "true"}, False),
        ({"CSMS_HOST": "0.0.0.0", "CSMS_API_DOCS": "on"}, True),
        ({"CSMS_API_DOCS": "off"}, False),
    ],
    ids=["at home", "on the network", "behind a proxy", "wished for", "switched off"],
)
def test_the_documentation_is_for_everybody_only_at_home_or_where_it_is_wished_for(
    settings: dict[str, str], on: bool, monkeypatch: pytest.MonkeyPatch, bob: APIClient, charlie: APIClient
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    config = load_config(None)
    monkeypatch.setattr("csms.api_docs.get_config", lambda: config)
    for page in ("docs", "reference"):
        answer = charlie.get(f"{API}/{page}")
        assert answer.status_code == (200 if on else 404)
        assert on or "CSMS_API_DOCS" in answer.json()["error"]["detail"]
    assert charlie.get(f"{API}/schema/").status_code == (200 if on else 401)
    assert bob.get(f"{API}/schema/").status_code == 200


def test_the_document_in_the_repository_is_what_the_routes_say() -> None:
    assert (ROOT / api_docs.DOCUMENT).read_text() == api_docs.document(), "run `manage.py api_docs`"


def test_the_check_tells_when_the_document_has_drifted(tmp_path: Path, settings: Any) -> None:
    settings.BASE_DIR = tmp_path
    with pytest.raises(CommandError, match="run `manage.py api_docs`"):
        call_command("api_docs", check=True)
    call_command("api_docs", stdout=io.StringIO())
    call_command("api_docs", check=True, stdout=io.StringIO())
    path = tmp_path / api_docs.DOCUMENT
    path.write_text(path.read_text().replace("Show a charge point", "Show one"))
    with pytest.raises(CommandError, match="docs/api/openapi.yaml"):
        call_command("api_docs", check=True)
