"""Every list of the API takes the same number of statements, whether one row is on the page or thirty."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from chargers.bulk.models import BulkJob, BulkTarget
from chargers.configuration.models import BootReport, ConfigurationChange, ConfigurationKey, DesiredValue
from chargers.device_model.models import Component, Variable
from chargers.models import ChargePoint, Connection, Process, RefusedHandshake, StatusReport
from chargers.network.models import NetworkProfile, ProfileChange
from chargers.reporting.models import Report, ReportPart
from chargers.topology.models import DeviceEvent, Evse
from chargers.traits.models import Deviation, IdentityAlias, ModelTraits
from csms.core.access.models import ApiToken, TokenChange
from csms.core.access.services import create_api_token
from csms.core.audit.services import note
from csms.core.ids import uuid7
from csms.core.webhooks.models import Endpoint
from csms.core.webhooks.services import change_endpoint
from tests.alerting.cast import a_rule
from tests.alerts.cast import a_silence, an_alert, an_incident
from tests.api.asking import DOCUMENT
from tests.api.cast import (
    API,
    NOON,
    bulk_job,
    callback,
    certificate,
    charge_point,
    client_of,
    connector,
    delivery,
    ended,
    frame,
    reading,
    reservation,
    security_event,
    session,
    session_report,
    signing_request,
    unknown_token,
)
from tests.channels.cast import a_notification
from tests.diagnostics.cast import a_file, a_job, a_report
from tests.firmware.cast import an_update
from tests.tariffs.cast import assigned, tariff
from transactions.charging_profiles.models import CompositeSchedule, InstalledProfile
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.models import IdToken, Transaction
from transactions.remote_control.models import UnexplainedCharging
from transactions.sequence.models import TransactionEvent
from transactions.signed.models import SignedReading
from transactions.stuck.models import Correction, Kind

SETTING = "CSMS_HEARTBEAT_INTERVAL"


def of_another(make: Callable[[ChargePoint], Any]) -> Callable[[ChargePoint, Any, int], Any]:
    """Each row is of a charge point of its own."""
    return lambda cp16, parent, nth: make(charge_point(f"CP-{nth}", site=f"site {nth}", vendor=f"V{nth}"))


def of_it(make: Callable[[ChargePoint], Any]) -> Callable[[ChargePoint, Any, int], Any]:
    """All rows are of CP16."""
    return lambda cp16, parent, nth: make(cp16)


def numbered(make: Callable[[ChargePoint, int], Any]) -> Callable[[ChargePoint, Any, int], Any]:
    return lambda cp16, parent, nth: make(cp16, nth)


# --- what fills the lists ---------------------------------------------------------------------------------------------


def linked(cp: ChargePoint) -> Connection:
    """It was connected for half a minute, by a process of its own, and not since."""
    count = cp.connections.count()
    since = timezone.now() - timedelta(hours=1) + timedelta(minutes=count)
    process = Process.objects.create(host="here", pid=count, started_at=since, seen_at=since)
    return Connection.objects.create(
        charge_point=cp, process=process, protocol="ocpp1.6", opened_at=since, closed_at=since + timedelta(seconds=30)
    )  # fmt: skip


def reported(cp: ChargePoint) -> None:
    now = timezone.now()
    StatusReport.objects.create(
        charge_point=cp, connector_number=1, status="Available", status_at=now, received_at=now
    )


def passed(cp: ChargePoint) -> None:
    """A call and its answer, now."""
    link, message = uuid4(), f"m{uuid4()}"
    for direction, kind in (("in", 2), ("out", 3)):
        frame(
            cp, at=timezone.now(), direction=direction, kind=kind, message_id=message, connection_id=link,
            text=f'[{kind},"{message}","StatusNotification",{{"transactionId":7}}]',
        )  # fmt: skip


def read(cp: ChargePoint, transaction: Any = None) -> None:
    reading(cp, transaction, received_at=timezone.now())


def refused(nth: int) -> None:
    RefusedHandshake.objects.create(
        identity=f"X{nth}", reason="unknown", http_status=404, first_at=NOON, last_at=NOON
    )


def attribute(cp: ChargePoint, nth: int) -> None:
    component, _ = Component.objects.get_or_create(charge_point=cp, name=f"C{nth}", key=f"c{nth}")
    told = Variable.objects.create(component=component, name="V", key="v")
    ConfigurationKey.objects.create(
        charge_point=cp, name=f"C{nth}/V", folded=f"c{nth}/v", attribute="Actual", variable=told
    )


def report(cp: ChargePoint, nth: int) -> None:
    ReportPart.objects.create(
        report=Report.objects.create(charge_point=cp, kind="variables", request_id=nth),
        seq_no=0, more=True, payload={}, received_at=NOON,
    )  # fmt: skip


def held_slot(cp: ChargePoint, nth: int) -> None:
    NetworkProfile.objects.create(
        charge_point=cp, slot=nth, ocpp_version="OCPP20", url="wss://csms.example", interface="Wired0",
        message_timeout=30, security_profile=2, state="accepted", command_id=uuid4(), by="alice", told_at=NOON,
    )  # fmt: skip


def moved(cp: ChargePoint, nth: int) -> None:
    ProfileChange.objects.create(
        charge_point=cp, before=1, wanted=2, slot=nth, priority_before="0", priority=f"{nth},0", state="done",
        command_id=uuid4(), by="alice", started_at=NOON, due_at=NOON,
    )  # fmt: skip


def bay(cp: ChargePoint, nth: int) -> None:
    Evse.objects.create(charge_point=cp, number=nth + 1, known_from="report")
    connector(cp, nth + 1)


def told(cp: ChargePoint, nth: int) -> None:
    DeviceEvent.objects.create(
        charge_point=cp, event_id=nth, happened_at=NOON, received_at=NOON, component="Fan", variable="Speed",
        trigger="Delta",
    )  # fmt: skip


def told_of_session(transaction: Transaction, nth: int) -> None:
    TransactionEvent.objects.create(
        transaction=transaction, charge_point=transaction.charge_point, seq_no=nth, kind="Updated",
        occurred_at=NOON, received_at=NOON, fingerprint=f"{nth:x}", answer='{"totalCost": 1}',
    )  # fmt: skip


def signed(transaction: Transaction, nth: int) -> None:
    """Every third is told with its key."""
    SignedReading.objects.create(
        transaction=transaction, charge_point=transaction.charge_point, evse_number=1, sampled_at=NOON, data="T0M=",
        public_key="" if nth % 3 else f"key {nth}",
    )  # fmt: skip


def deviation(cp: ChargePoint, nth: int) -> None:
    Deviation.objects.create(
        vendor=f"V{nth}", model="M", firmware="1", action="Heartbeat", field="f", rule="r", verdict="deviant",
        key=f"k{nth}", count=nth, first_at=NOON, last_at=NOON, last_cp_id=cp.cp_id, last_frame_id=uuid7(),
    )  # fmt: skip


def dismissed(transaction: Transaction) -> None:
    Correction.objects.create(
        at=NOON, by="alice", kind=Kind.ETERNAL, step=Correction.Step.DISMISSED, transaction=transaction,
        charge_point=transaction.charge_point, reason="it is a bus", evidence=[],
    )  # fmt: skip


def overridden() -> None:
    note("setting.overridden", by="alice", subject_type="setting", subject=SETTING, now=NOON)


def profile(cp: ChargePoint) -> None:
    InstalledProfile.objects.create(
        charge_point=cp, profile_id=1, connector_number=1, purpose="TxProfile", stack_level=0, status="installed",
        transaction=session(cp), by="alice", command_id=uuid4(), created_at=NOON,
        profile={
            "purpose": "TxProfile",
            "kind": "Relative",
            "schedule": {"unit": "A", "periods": [{"start_period": 0, "limit": 16}]},
        },
    )  # fmt: skip


def composite(cp: ChargePoint) -> None:
    CompositeSchedule.objects.create(
        charge_point=cp, command_id=uuid4(), connector_number=1, asked_duration=60, by="alice", received_at=NOON,
        answer="Accepted", periods=[],
    )  # fmt: skip


def entry(cp: ChargePoint, nth: int) -> None:
    row, _ = LocalList.objects.get_or_create(charge_point=cp, defaults={"policy": "all"})
    LocalListEntry.objects.create(local_list=row, id_token=f"T{nth}", key=f"T{nth}", status="Accepted")


def desired_of_model(cp: ChargePoint, nth: int) -> None:
    DesiredValue.objects.create(
        vendor=f"V{nth}", model="M", name="Key", folded="key", value="1", by="a", at=NOON
    )


def uploaded(cp: ChargePoint) -> None:
    job = a_job(cp)
    a_report(job)
    a_file(job, content=str(uuid4()).encode())


def changed(cp16: ChargePoint, parent: ApiToken, nth: int) -> None:
    TokenChange.objects.create(token=parent, at=NOON, what="changed", by="alice", details={})


def fleet_job(cp16: ChargePoint, parent: Any, nth: int) -> None:
    bulk_job(charge_point(f"CP-{nth}"))
    BulkJob.objects.update(state="finished", closed_at=NOON)  # so many may not be open at a time


def token() -> ApiToken:
    return create_api_token("parent", scopes=["read"], now=NOON)[0]


def target(cp16: ChargePoint, parent: BulkJob, nth: int) -> None:
    BulkTarget.objects.create(job=parent, position=100 + nth, charge_point=charge_point(f"CP-{nth}"))


def renamed(cp16: ChargePoint, parent: Endpoint, nth: int) -> None:
    change_endpoint(parent, {"name": f"name {nth}"}, by="alice", now=NOON)


def a_session(cp16: ChargePoint) -> Any:
    return session(cp16, transaction_id="7", started_at=timezone.now(), start_received_at=timezone.now())


# --- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """A list: what adds a row to it, and how many statements it takes, that for the token included."""

    statements: int
    add: Callable[[ChargePoint, Any, int], Any]
    parent: Callable[[ChargePoint], Any] = lambda cp16: None
    """What {id} is the id of."""
    query: str = ""


CP = "/charge-points/{cp_id}"
LISTS: dict[str, Listed] = {
    "/prometheus/rules/": Listed(2, numbered(lambda cp16, nth: a_rule(name=f"Rule{nth}"))),
    "/alert-silences/": Listed(2, numbered(lambda cp16, nth: a_silence())),
    "/alert-incidents/": Listed(2, of_another(lambda cp: an_incident(cp, value=cp.cp_id))),
    "/alert-channels/": Listed(2, numbered(lambda cp16, nth: a_notification(nth))),
    "/notifications/": Listed(2, numbered(lambda cp16, nth: a_notification(nth))),
    "/charge-points/": Listed(3, of_another(connector)),
    f"{CP}/frames/": Listed(4, of_it(passed)),
    f"{CP}/connections/": Listed(3, of_it(linked)),
    f"{CP}/status-history/": Listed(3, of_it(reported)),
    f"{CP}/offline-windows/": Listed(5, of_it(linked)),
    f"{CP}/meter-values/": Listed(3, of_it(read)),
    f"{CP}/transactions/": Listed(3, of_it(lambda cp: read(cp, session(cp)))),
    f"{CP}/device-model/": Listed(3, numbered(attribute)),
    f"{CP}/reports/": Listed(3, numbered(report)),
    f"{CP}/evses/": Listed(4, numbered(bay)),
    f"{CP}/device-events/": Listed(3, numbered(told)),
    f"{CP}/network-profiles/": Listed(5, numbered(held_slot)),
    f"{CP}/security-profile-changes/": Listed(3, numbered(moved)),
    "/connectors/": Listed(2, of_another(connector)),
    "/sites/": Listed(2, of_another(connector)),
    "/commands/ledger/": Listed(2, of_another(callback)),
    "/connections/": Listed(2, of_another(linked)),
    "/status-history/": Listed(2, of_another(reported)),
    "/uptime/": Listed(3, of_another(linked)),
    "/frames/": Listed(3, of_another(passed)),
    "/transactions/": Listed(2, of_another(ended)),
    "/transactions/{id}/meter-values/": Listed(3, lambda cp16, parent, nth: read(cp16, parent), a_session),
    "/transactions/{id}/frames/": Listed(5, of_it(passed), a_session),
    "/transactions/{id}/events/": Listed(3, lambda cp16, parent, nth: told_of_session(parent, nth), a_session),
    "/transactions/{id}/signed-readings/": Listed(3, lambda cp16, parent, nth: signed(parent, nth), a_session),
    "/transactions/{id}/corrections/": Listed(3, lambda cp16, parent, nth: dismissed(parent), a_session),
    "/settings/{name}/changes/": Listed(3, numbered(lambda cp16, nth: overridden())),
    "/id-tokens/": Listed(2, numbered(lambda cp16, nth: IdToken.objects.create(id_token=f"T{nth}", created_at=NOON))),
    "/unknown-tokens/": Listed(2, of_another(lambda cp: unknown_token(cp, f"T{cp.pk}"))),
    "/alerts/": Listed(2, of_another(an_alert)),
    "/refused-handshakes/": Listed(2, numbered(lambda cp16, nth: refused(nth))),
    "/api-tokens/": Listed(
        2, numbered(lambda cp16, nth: create_api_token(f"backend {nth}", scopes=["read"], now=NOON))
    ),
    "/api-tokens/{id}/changes/": Listed(3, changed, lambda cp16: token()),
    "/bulk-jobs/": Listed(2, fleet_job),
    "/bulk-jobs/{id}/targets/": Listed(3, target, bulk_job),
    "/certificate-requests/": Listed(2, of_another(signing_request)),
    "/certificates/": Listed(2, of_another(certificate)),
    f"{CP}/certificates/": Listed(3, of_it(certificate)),
    f"{CP}/charging-profiles/": Listed(3, of_it(profile)),
    f"{CP}/composite-schedules/": Listed(3, of_it(composite)),
    f"{CP}/configuration/history/": Listed(
        3, of_it(lambda cp: ConfigurationChange.objects.create(charge_point=cp, name="Key", new_value="1", at=NOON))
    ),
    f"{CP}/boots/": Listed(3, of_it(lambda cp: BootReport.objects.create(charge_point=cp, at=NOON, changes={}))),
    "/desired-configurations/": Listed(3, numbered(desired_of_model)),
    "/log-jobs/": Listed(4, of_another(uploaded)),
    f"{CP}/log-jobs/": Listed(5, of_it(uploaded)),
    f"{CP}/log-reports/": Listed(3, of_it(uploaded)),
    "/files/": Listed(2, of_another(uploaded)),
    f"{CP}/files/": Listed(3, of_it(uploaded)),
    "/firmware-jobs/": Listed(3, of_another(an_update)),
    f"{CP}/firmware-jobs/": Listed(4, of_it(an_update)),
    f"{CP}/firmware-reports/": Listed(3, of_it(an_update)),
    f"{CP}/local-list/entries/": Listed(4, numbered(entry)),
    f"{CP}/unexplained-charging/": Listed(
        3,
        numbered(
            lambda cp16, nth: UnexplainedCharging.objects.create(
                charge_point=cp16, connector_number=nth, since=NOON, noticed_at=NOON
            )
        ),
    ),
    "/reservations/": Listed(2, of_another(reservation)),
    f"{CP}/reservations/": Listed(3, numbered(lambda cp16, nth: reservation(cp16, number=nth))),
    "/security-events/": Listed(2, of_another(security_event)),
    f"{CP}/security-events/": Listed(3, of_it(security_event)),
    "/tariffs/": Listed(2, numbered(lambda cp16, nth: tariff(f"tariff {nth}"))),
    "/tariffs/{id}/assignments/": Listed(
        3, lambda cp16, parent, nth: assigned(parent, charge_point(f"CP-{nth}")), lambda cp16: tariff()
    ),
    f"{CP}/aliases/": Listed(
        3,
        numbered(
            lambda cp16, nth: IdentityAlias.objects.create(charge_point=cp16, identity=f"A{nth}", created_at=NOON)
        ),
    ),
    "/model-traits/": Listed(
        2, numbered(lambda cp16, nth: ModelTraits.objects.create(vendor=f"V{nth}", traits={}, changed_at=NOON))
    ),
    "/deviations/": Listed(2, numbered(deviation)),
    "/backend/sessions/": Listed(2, numbered(lambda cp16, nth: session_report())),
    "/webhooks/": Listed(2, numbered(lambda cp16, nth: delivery(nth))),
    "/webhooks/{id}/changes/": Listed(3, renamed, lambda cp16: delivery(99).endpoint),
    "/webhooks/deliveries/": Listed(2, numbered(lambda cp16, nth: delivery(nth))),
}  # fmt: skip


def test_every_list_of_the_document_is_in_the_table() -> None:
    lists = {
        path.removeprefix(API)
        for path, operations in DOCUMENT["paths"].items()
        if any(parameter["name"] == "cursor" for parameter in operations.get("get", {}).get("parameters", ()))
    }
    whole = {f"{CP}/evses/"}  # has one page
    assert lists == {*LISTS, "/transactions/aggregates/"} - whole  # of which test_aggregates.py tells


@pytest.mark.django_db
@pytest.mark.parametrize("path", LISTS)
def test_a_list_takes_as_many_statements_for_thirty_rows_as_for_one(path: str) -> None:
    listed, cp16 = LISTS[path], charge_point()
    client: APIClient = client_of("looker", "read", "admin")
    parent = listed.parent(cp16)
    url = API + path.format(cp_id="CP16", name=SETTING, id=parent.pk if parent else "") + listed.query
    client.get(url)  # notes when the token was used

    def asked(fewest: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(url)
        assert answer.status_code == 200, answer.content
        assert len(answer.json()["results"]) >= fewest
        return len(captured)

    listed.add(cp16, parent, 0)
    first = asked(1)
    for nth in range(1, 30):
        listed.add(cp16, parent, nth)
    assert (first, asked(30)) == (listed.statements, listed.statements)
