"""A small busy fleet in the database, hostile words and all, for tests that look at pages."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from chargers.models import ChargePoint, Command, Connection, Frame, Process, RefusedHandshake, Registration
from csms.core.ids import uuid7
from tests.console.cast import HOSTILE, make_charge_point, make_connector
from transactions.models import IdToken, MeterValue, Transaction


def make_online(charge_point: ChargePoint) -> Connection:
    now = timezone.now()
    process = Process.objects.create(host="here", pid=1, started_at=now, seen_at=now)
    connection = Connection.objects.create(
        charge_point=charge_point, process=process, protocol="ocpp1.6", peer="192.0.2.7", opened_at=now
    )
    charge_point.connection_id = connection.pk
    charge_point.last_seen_at = now
    charge_point.save()
    return connection


def make_transaction(charge_point: ChargePoint, number: int, **values: object) -> Transaction:
    defaults = {
        "number": number,
        "transaction_id": str(number),
        "charge_point": charge_point,
        "connector_number": 1,
        "id_token": "DRIVER1",
        "authorization": "Accepted",
        "started_at": timezone.now() - timedelta(minutes=30),
        "meter_start_wh": 1000,
    }
    return Transaction.objects.create(**defaults | values)


def make_reading(
    transaction: Transaction, minutes_ago: int, energy_wh: int, power_w: float = 11000.0
) -> None:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    MeterValue.objects.create(
        id=uuid7(),
        charge_point=transaction.charge_point,
        connector_number=1,
        transaction=transaction,
        sampled_at=at,
        received_at=at,
        energy_wh=energy_wh,
        power_w=power_w,
        soc_percent=55,
        samples="[]",
    )


def make_busy_fleet(size: int = 3) -> ChargePoint:
    """Return the first of the charge points: online, faulted on connector 2, charging on connector 1."""
    now = timezone.now()
    first = None
    for index in range(size):
        charge_point = make_charge_point(
            f"CP{index}", vendor=HOSTILE, model="M", firmware_version=HOSTILE, name=HOSTILE, last_seen_at=now
        )
        first = first or charge_point
        connection = make_online(charge_point)
        make_connector(charge_point, 1, "Charging")
        make_connector(charge_point, 2, "Faulted", error_code="GroundFailure", info=HOSTILE)
        active = make_transaction(charge_point, 100 + index, id_token=HOSTILE[:20])
        for minutes, energy in ((20, 2000), (10, 4000), (1, 6000)):
            make_reading(active, minutes, energy)
        make_transaction(
            charge_point,
            200 + index,
            status="ended",
            stopped_at=now,
            meter_stop_wh=9000,
            energy_wh=8000,
            anomalies=["meter_stop_missing"],
            raw_stop=HOSTILE,
            stop_reason=HOSTILE,
        )
        Frame.objects.create(
            charge_point=charge_point,
            connection_id=connection.pk,
            at=now,
            direction="in",
            kind=2,
            action=HOSTILE,
            verdict="deviant",
            notes=HOSTILE,
            text='[2,"1","' + HOSTILE + '",{}]',
        )
        Command.objects.create(
            charge_point=charge_point,
            type="reset",
            params={"type": "Soft"},
            status="failed",
            by="alice",
            created_at=now,
            expires_at=now,
            error_code=HOSTILE,
            error_description=HOSTILE,
        )
    make_charge_point("NEW1", registration=Registration.PENDING, vendor=HOSTILE)
    RefusedHandshake.objects.create(
        identity=HOSTILE,
        peer="192.0.2.1",
        reason="wrong_password",
        detail=HOSTILE,
        http_status=401,
        count=7,
        first_at=now,
        last_at=now,
    )
    IdToken.objects.create(id_token="DRIVER1", label=HOSTILE, created_at=now)
    assert first is not None
    return first


def unknown() -> str:
    return str(uuid4())
