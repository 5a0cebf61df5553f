"""One of everything that has a page of its own, made beside a running server: `address_of_each(server, prometheus)`."""

import json
from datetime import timedelta

from tests.support.server import Server

FURNISHED = "CP19"
"""The charge point that has one of everything; it is offline, so that nobody sends it anything."""
CHARGING = "CP16"
"""The charge point that the test has brought, and that charges."""
VIEWER, VIEWER_PASSWORD = "bob", "only looks around"


def address_of_each(server: Server, prometheus: str) -> dict[str, str]:
    """Make one of each in the server's database, with a Prometheus at a URL; return each address by its page's name."""
    made = server.manage("shell", "-v", "0", "-c", f"from {__name__} import make; make({prometheus!r})")
    assert made.returncode == 0, made.stderr
    addresses: dict[str, str] = json.loads(made.stdout.splitlines()[-1])
    return addresses


def make(prometheus: str) -> None:
    """Make one of each and print their addresses; in a process of its own, on the server's database."""
    from django.urls import reverse

    addresses = {
        name: reverse(f"console:{path}", args=keys) for name, (path, keys) in _one_of_each(prometheus).items()
    }
    print(json.dumps(addresses))


def _one_of_each(prometheus: str) -> dict[str, tuple[str, list[str]]]:
    """Return the name of a page → the name and the keys of its address."""
    from django.utils import timezone

    from chargers.bulk.models import BulkTarget
    from chargers.bulk.services import Manner, create_bulk_job
    from chargers.commands.ordering import Author
    from chargers.models import Frame
    from console.views.charge_points import PAGE
    from csms.core.access.models import User
    from csms.core.access.saved_views import save_view
    from csms.core.audit.services import note
    from csms.core.ids import uuid7
    from csms.core.overrides.services import override_setting
    from csms.core.webhooks.services import create_endpoint
    from tests.console.alerts_house import furnish_alerts
    from tests.console.blocks import furnish
    from tests.console.cast import HOSTILE, make_charge_point, make_connector
    from tests.console.fleet import make_reading, make_transaction
    from transactions.models import IdToken, Transaction

    now = timezone.now()
    charge_point = make_charge_point(FURNISHED, name=HOSTILE, vendor=HOSTILE, last_seen_at=now)
    furnish(charge_point)
    make_charge_point("CP20", registration="pending", vendor=HOSTILE)
    bob = User.objects.create_user(VIEWER, password=VIEWER_PASSWORD, role="viewer")
    save_view(bob, PAGE, name="Only faults", query="faults=1", now=now)

    ended = make_transaction(
        charge_point, 900, status="ended", stopped_at=now, meter_stop_wh=9000, energy_wh=8000, raw_stop=HOSTILE,
        stop_reason=HOSTILE, anomalies=["meter_stop_missing"],
    )  # fmt: skip
    for minutes, energy in ((20, 2000), (10, 4000), (1, 6000)):
        make_reading(ended, minutes, energy)
    # A zombie, as the desk of stuck sessions has it: its connector has been free for an hour.
    left = make_charge_point("CP21", last_seen_at=now - timedelta(hours=2))
    make_connector(left, received_at=now - timedelta(hours=1))
    hours_ago = {"started_at": now - timedelta(hours=3), "start_received_at": now - timedelta(hours=3)}
    make_reading(make_transaction(left, 901, **hours_ago), 90, 4000)

    frame = Frame.objects.create(
        charge_point=charge_point, connection_id=uuid7(), at=now, direction="in", kind=2, action="StatusNotification",
        verdict="deviant", notes=HOSTILE, text='[2,"1","StatusNotification",{"info":"' + "long" * 30 + '"}]',
    )  # fmt: skip
    job = create_bulk_job(
        [charge_point, left], "clear-cache", {}, Manner(), author=Author(VIEWER), now=now, reason=HOSTILE
    )
    BulkTarget.objects.filter(job=job, position=1).update(state="failed", code="NotSupported", detail=HOSTILE)
    token = IdToken.objects.create(id_token="DRIVER1", label=HOSTILE, created_at=now)
    note("token.blocked", by=VIEWER, subject_type="id_token", subject=token.pk, now=now, reason=HOSTILE)
    override_setting("CSMS_UNKNOWN_ID_TAGS", "refuse", by=VIEWER, now=now, reason=HOSTILE)
    endpoint, _ = create_endpoint(
        name="Billing", url="https://hooks.example.com/csms", filter={"types": ["tx.*"]}, by=VIEWER, now=now
    )
    running = Transaction.objects.get(charge_point__cp_id=CHARGING, status="active")
    return {
        "transaction-open": ("transaction", [str(running.pk)]),
        "transaction-ended": ("transaction", [str(ended.pk)]),
        "charge-point-frame": ("charge-point-frame", [FURNISHED, str(frame.pk)]),
        "bulk-job": ("bulk-job", [str(job.pk)]),
        "token": ("token", [str(token.pk)]),
        "setting": ("setting", ["CSMS_UNKNOWN_ID_TAGS"]),
        "webhook": ("webhook", [str(endpoint.pk)]),
        "webhook-change": ("webhook-change", [str(endpoint.pk)]),
    } | furnish_alerts(charge_point, prometheus=prometheus, now=now)
