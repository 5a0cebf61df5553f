"""Who plays in the tests of the console."""

from datetime import UTC, datetime
from typing import Any

from django.test import Client

from chargers.models import ChargePoint, Connector, Registration
from csms.core.access.models import User

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
HOSTILE = "<script>document.title='owned'</script>"


def person(name: str, role: str, **more: Any) -> User:
    return User.objects.create_user(name, password=PASSWORD, role=role, **more)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def make_charge_point(cp_id: str = "CP16", **values: Any) -> ChargePoint:
    values = {"registration": Registration.ACCEPTED, "created_at": NOW, "protocol": "ocpp1.6"} | values
    return ChargePoint.objects.create(cp_id=cp_id, **values)


def make_connector(
    charge_point: ChargePoint, number: int = 1, status: str = "Available", **values: Any
) -> Connector:
    values = {"error_code": "NoError", "status_at": NOW, "received_at": NOW} | values
    return Connector.objects.create(charge_point=charge_point, number=number, status=status, **values)
