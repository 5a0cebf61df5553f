"""What the API is asked about: charge points, sessions and readings as the store holds them."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from rest_framework.test import APIClient

from chargers.bulk.models import BulkJob
from chargers.bulk.services import Manner, create_bulk_job
from chargers.callbacks.models import Callback
from chargers.callbacks.services import order_callback
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.certificates.pem import key_digest
from chargers.commands.ordering import Author
from chargers.models import ChargePoint, Command, Connection, Connector, Frame, Process
from chargers.reservations.models import Reservation
from chargers.security_events.models import SecurityEvent
from chargers.traits.models import ChargePointTraits, Deviation, IdentityAlias, ModelTraits
from csms.core.access.services import create_api_token
from csms.core.events.numbering import number_events
from csms.core.events.services import record
from csms.core.ids import uuid7
from csms.core.webhooks.models import Delivery
from csms.core.webhooks.services import create_endpoint
from tests.certificates.cast import csr, pem, root
from tests.support.house import settings_are
from transactions.backend.models import SessionReport
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.models import MeterValue, Transaction, UnknownToken

API = "/api/v1"
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
PAST = datetime(2020, 1, 1, tzinfo=UTC)
_numbers = count(1000)


def client_of(name: str, *scopes: str, expires_at: datetime | None = None) -> APIClient:
    """A client with a token of these scopes."""
    _, key = create_api_token(name, scopes=scopes, now=NOON, expires_at=expires_at)
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {key}")


def charge_point(cp_id: str = "CP16", **values: Any) -> ChargePoint:
    values = {"registration": "accepted", "created_at": NOON} | values
    return ChargePoint.objects.create(cp_id=cp_id, **values)


def online(charger: ChargePoint, protocol: str = "ocpp1.6") -> ChargePoint:
    """Give the charge point a connection, as its process would; there is nobody at its end."""
    process = Process.objects.create(host="here", pid=1, started_at=NOON, seen_at=NOON)
    connection = Connection.objects.create(
        charge_point=charger, process=process, protocol=protocol, opened_at=NOON
    )
    charger.connection_id, charger.protocol = connection.pk, protocol
    charger.save()
    return charger


def connector(charger: ChargePoint, number: int = 1, status: str = "Available", **values: Any) -> Connector:
    values = {"error_code": "NoError", "status_at": NOON, "received_at": NOON} | values
    return Connector.objects.create(charge_point=charger, number=number, status=status, **values)


def session(charger: ChargePoint, **values: Any) -> Transaction:
    number = next(_numbers)
    values = {
        "number": number,
        "transaction_id": str(number),
        "connector_number": 1,
        "id_token": "ALICE",
        "authorization": "Accepted",
        "started_at": NOON,
        "start_received_at": NOON,
        "meter_start_wh": 1000,
    } | values
    return Transaction.objects.create(charge_point=charger, **values)


def ended(charger: ChargePoint, **values: Any) -> Transaction:
    values = {
        "status": "ended",
        "stopped_at": NOON + timedelta(hours=1),
        "stop_received_at": NOON + timedelta(hours=1),
        "meter_stop_wh": 8500,
        "energy_wh": 7500,
        "stop_reason": "EVDisconnected",
    } | values
    return session(charger, **values)


def reading(charger: ChargePoint, transaction: Transaction | None = None, **values: Any) -> MeterValue:
    values = {
        "connector_number": 1,
        "sampled_at": NOON,
        "received_at": NOON,
        "energy_wh": 2500,
        "samples": '[{"value":"2.5","unit":"kWh"}]',
    } | values
    return MeterValue.objects.create(charge_point=charger, transaction=transaction, **values)


def event(charger: ChargePoint, type: str = "tx.started", **payload: Any) -> str:
    """Something that happened, with its place in the outbox; its id."""
    id = record(type, charger.cp_id, {"transaction_id": "7"} | payload, occurred_at=NOON)
    while number_events(now=NOON):
        pass
    return id


def session_report(state: str = "dead", **values: Any) -> SessionReport:
    """What the backend was told, or was to be told, of a session."""
    facts = {"kind": "open", "cp_id": "CP16", "transaction_id": "4711", "body": "{}", "attempts": 3}
    return SessionReport.objects.create(
        event_id=uuid7(),
        state=state,
        created_at=NOON,
        next_at=NOON,
        last_error="it said no",
        **(facts | values),
    )


def delivery(nth: int = 0) -> Delivery:
    """Of a webhook of its own, to which nothing can be posted: what is at its address is inside a network."""
    with settings_are(CSMS_OUTBOUND_NETWORKS="10.0.0.0/8"):
        webhook, _ = create_endpoint(
            name=f"webhook {nth}", url="https://10.0.0.1/hook", filter={"types": ["*"]}, by="alice", now=NOON
        )
    id = record("tx.started", "CP16", {"n": nth}, occurred_at=NOON)
    return Delivery.objects.create(
        endpoint=webhook,
        event_id=id,
        type="tx.started",
        cp_id="CP16",
        position=nth + 1,
        state="delivered",
        created_at=NOON,
        attempts=1,
        last_attempt_at=NOON,
        status=200,
        latency_ms=12,
        excerpt="thanks",
        delivered_at=NOON,
    )


def frame(charger: ChargePoint, **values: Any) -> Frame:
    values = {
        "connection_id": uuid4(),
        "at": NOON,
        "direction": "in",
        "kind": 2,
        "message_id": "m1",
        "action": "Heartbeat",
        "verdict": "ok",
        "text": '[2,"m1","Heartbeat",{}]',
    } | values
    return Frame.objects.create(charge_point=charger, **values)


def command(charger: ChargePoint, **values: Any) -> Command:
    values = {
        "type": "reset",
        "params": {"type": "Soft"},
        "by": "token alice",
        "created_at": NOON,
        "expires_at": NOON + timedelta(minutes=1),
    } | values
    return Command.objects.create(charge_point=charger, **values)


def bulk_job(*chargers: ChargePoint, type: str = "reset", **manner: Any) -> BulkJob:
    manner = Manner(**manner)
    return create_bulk_job(chargers, type, {}, manner, author=Author("alice"), now=NOON, reason="of old")


def callback(charger: ChargePoint) -> Callback:
    """The outcome of a command, due to be posted."""
    token, _ = create_api_token(f"backend {next(_numbers)}", scopes=["command"], now=NOON)
    done = command(charger, status="accepted")
    return order_callback(done, "https://backend.example/hook", token=token, now=NOON)


def local_list(charger: ChargePoint, **values: Any) -> LocalList:
    row = LocalList.objects.create(charge_point=charger, **{"policy": "all", "version": 3} | values)
    entry = {"id_token": "BOB", "key": "BOB", "status": "Accepted"}
    LocalListEntry.objects.create(local_list=row, **entry)
    return row


def reservation(charger: ChargePoint, **values: Any) -> Reservation:
    values = {
        "number": 7,
        "connector_number": 1,
        "id_token": "ALICE",
        "expires_at": NOON + timedelta(hours=1),
        "status": "accepted",
        "answer": "Accepted",
        "by": "token alice",
        "command_id": uuid4(),
        "created_at": NOON,
        "accepted_at": NOON,
    } | values
    return Reservation.objects.create(charge_point=charger, **values)


def unknown_token(charger: ChargePoint, id_token: str = "CARD", **values: Any) -> UnknownToken:
    values = {"first_at": NOON, "last_at": NOON} | values
    return UnknownToken.objects.create(charge_point=charger, id_token=id_token, **values)


ROOT = root()
REQUEST = csr("CP16")
CHAIN = pem(ROOT.sign(REQUEST)).strip()
OTHER_CHAIN = pem(ROOT.sign(csr("CP16"))).strip()  # of a request that nobody knows


def signing_request(charger: ChargePoint, **values: Any) -> SigningRequest:
    values = {
        "status": "pending",
        "csr": pem(REQUEST),
        "subject": "CN=CP16",
        "key": "EC secp256r1",
        "key_digest": key_digest(REQUEST),
        "received_at": NOON,
    } | values
    return SigningRequest.objects.create(charge_point=charger, **values)


def certificate(charger: ChargePoint, **values: Any) -> InstalledCertificate:
    values = {
        "use": "central_system_root",
        "hash_algorithm": "SHA256",
        "issuer_name_hash": "ab",
        "issuer_key_hash": "cd",
        "serial_number": "1",
        "reported_at": NOON,
    } | values
    return InstalledCertificate.objects.create(charge_point=charger, **values)


def security_event(charger: ChargePoint, **values: Any) -> SecurityEvent:
    values = {
        "type": "TamperDetectionActivated",
        "info": "lid",
        "critical": True,
        "event_at": NOON,
        "received_at": NOON,
    } | values
    return SecurityEvent.objects.create(charge_point=charger, **values)


def peculiarities(charger: ChargePoint) -> ModelTraits:
    """Traits of its model and its own, an alias, and a deviation that was seen."""
    traits = {"energy_factor": "1000"}
    ChargePointTraits.objects.create(charge_point=charger, traits=traits, changed_at=NOON)
    IdentityAlias.objects.create(charge_point=charger, identity="CP16-A7", created_at=NOON)
    Deviation.objects.create(
        firmware="1",
        vendor="Acme",
        model="One",
        action="StatusNotification",
        field="info",
        rule="too long",
        verdict="deviant",
        key="k",
        count=3,
        first_at=NOON,
        last_at=NOON,
        last_cp_id=charger.cp_id,
        last_frame_id=uuid7(),
    )
    return ModelTraits.objects.create(vendor="Acme", traits=traits, changed_at=NOON)
