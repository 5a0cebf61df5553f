"""Every documented operation, asked well and asked badly, answers only what the OpenAPI document says of it.

The requests are made from the document itself, so a new route is asked, too, from its first day on.
"""

from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from chargers.models import ChargePoint
from csms.core.access.services import create_api_token
from tests.alerting.cast import A_SILENCE, a_rule
from tests.alerts.cast import a_silence, an_alert, an_incident
from tests.api.asking import (
    ALICE,
    FINE,
    KINDS,
    NOBODY_MUCH,
    OPERATIONS,
    OPERATOR,
    OWN_SAMPLES,
    REFUSED_BY_STATE,
    SAMPLES,
    asks,
    complaint,
)
from tests.api.cast import (
    PAST,
    bulk_job,
    callback,
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
    session_report,
    signing_request,
    unknown_token,
)
from tests.api.stations import (
    AT_THE_STATION,
    COMMANDS_OF_BOTH,
    OWN_STATION_SAMPLES,
    STATION,
    names_at,
    station,
)
from tests.channels.cast import a_notification
from tests.diagnostics.cast import a_file, a_job, a_report
from tests.firmware.cast import an_update
from tests.tariffs.cast import assigned, tariff
from transactions.models import IdToken


@pytest.fixture
def samples(db: None, servers_beside: None) -> dict[str, Any]:
    """Names of what is there: a charge point that is online, with one of everything."""
    cp16 = online(charge_point())
    connector(cp16)
    running = session(cp16)
    reading(cp16, running)
    frame(cp16)
    IdToken.objects.create(id_token="ALICE", created_at=cp16.created_at)
    ids = {"command": str(command(cp16).pk), "transaction": str(running.pk)}
    keys = command(cp16, type="get-configuration", params={"keys": ["HeartbeatInterval"]})
    ids["reading_of_keys"] = str(keys.pk)
    ids["firmware_job"] = str(an_update(cp16).pk)
    ids["api_token"] = str(create_api_token("asked-about", scopes=["read"], now=cp16.created_at)[0].pk)
    ids["callback"] = str(callback(cp16).pk)
    ids["log_job"] = str((log := a_job(cp16)).pk)
    ids["file"] = str(a_file(log).pk)
    a_report(log)
    ids["bulk_job"] = str(bulk_job(cp16).pk)
    failed = bulk_job(cp16)
    failed.targets.update(state="failed")
    type(failed).objects.filter(pk=failed.pk).update(state="finished")
    ids["bulk_job_with_failures"] = str(failed.pk)
    ids["reservation"] = str(reservation(cp16).pk)
    ids["alert"] = str(an_alert(cp16).pk)
    ids["alert_silence"], ids["alert_incident"] = str(a_silence().pk), str(an_incident(cp16).pk)
    ids["incident"] = ids["alert_incident"]
    ids |= {"prometheus_rule": str(a_rule().pk), "alertmanager_silence": A_SILENCE["id"]}
    ids["notification"] = str((told := a_notification()).pk)
    ids["alert_channel"] = str(told.channel_id)
    steps = {"steps": [{"channel_id": str(told.channel_id), "after_minutes": 30}]}
    ids["event"] = event(cp16)
    ids["session_report"] = str(session_report().pk)
    ids["delivery"] = str((posted := delivery()).pk)
    ids["webhook"] = str(posted.endpoint_id)
    ids["unknown_token"] = str(unknown_token(cp16).pk)
    local_list(cp16)
    ids["model_traits"] = str(peculiarities(cp16).pk)
    ids["certificate_request"] = str(signing_request(cp16).pk)
    certificate(cp16)
    security_event(cp16)
    place = assigned(tariff(energy_price="0.45"))
    ids |= {"tariff": str(place.tariff_id), "tariff_assignment": str(place.pk), "ended": str(ended(cp16).pk)}
    ids |= names_at(station())
    return SAMPLES | {"transaction_id": running.transaction_id} | ids | steps


def complaints(
    name: str, samples: dict[str, Any], *wanted: str, expected: frozenset[int] = FINE | REFUSED_BY_STATE
) -> list[str]:
    """Ask an operation all there is to ask, or what is `wanted` and must be answered as `expected`.

    Returns what is wrong with the answers.
    """
    method, path, operation = OPERATIONS[name]
    kind = next((kind for part, kind in KINDS.items() if part in path), "transaction")
    at_station = AT_THE_STATION | OWN_STATION_SAMPLES.get(name, {}) if samples["cp_id"] == STATION else {}
    here = samples | {"id": samples[kind]} | OWN_SAMPLES.get(name, {}) | at_station
    clients = {scopes: client_of("-".join(scopes), *scopes) for scopes in (ALICE, OPERATOR, NOBODY_MUCH)}
    found = []
    for ask in asks(method, path, operation, here):
        if wanted and ask.about not in wanted:
            continue
        parts = {key: quote(str(value), safe="") for key, value in (here | ask.path).items()}
        url = path.format(**parts) + (f"?{urlencode(ask.query)}" if ask.query else "")
        client = clients[ask.scopes] if ask.scopes else APIClient()
        with transaction.atomic():  # one request does not find what another did
            answer = client.generic(method.upper(), url, ask.body or b"", ask.content_type, **ask.headers)
            transaction.set_rollback(True)
        if wanted:
            ask = replace(ask, expected=expected)
        if problem := complaint(operation, ask, answer):
            found.append(f"{method.upper()} {url[:100]} ({ask.about}): {problem}")
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_are_what_the_document_says(name: str, samples: dict[str, Any]) -> None:
    assert not (found := complaints(name, samples)), "\n".join(found)


@pytest.mark.parametrize("name", [name for name, (_, path, _) in OPERATIONS.items() if "{cp_id}" in path])
@pytest.mark.parametrize(
    "state",
    [
        {"connection_id": None},
        {"connection_id": None, "protocol": ""},
        {"registration": "pending"},
        {"registration": "rejected"},
        {"connection_id": None, "retired_at": PAST},
    ],
    ids=["offline", "never seen", "pending", "rejected", "retired"],
)
def test_so_they_are_in_every_state_of_the_charge_point(
    name: str, state: dict[str, Any], samples: dict[str, Any]
) -> None:
    ChargePoint.objects.update(**state)
    assert not (found := complaints(name, samples, "plain", "all fields")), "\n".join(found)


@pytest.mark.parametrize("name", sorted(COMMANDS_OF_BOTH))
def test_a_station_of_2x_takes_the_commands_of_both_versions(name: str, samples: dict[str, Any]) -> None:
    found = complaints(name, samples | {"cp_id": STATION}, "plain", "all fields", expected=FINE)
    assert not found, "\n".join(found)
