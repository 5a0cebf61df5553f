"""Lists for charge points of OCPP 2.x: types, EVSEs, messages bounded by bytes; without a wire."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import order_of, send_command
from chargers.configuration.models import ConfigurationKey
from chargers.device_model.models import Component, Variable
from chargers.models import ChargePoint, Command
from chargers.protocol.session import Session
from chargers.protocol.versions import Version
from chargers.topology.services import meet
from tests.api.cast import NOON, charge_point, online
from transactions.local_lists import selectors
from transactions.local_lists.entries import Entry, likely_type, read_entry
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.local_lists.parts import divided, message_bytes
from transactions.local_lists.services import sync_local_lists
from transactions.models import IdToken

pytestmark = pytest.mark.django_db


def station(cp_id: str = "CS201", protocol: str = "ocpp2.0.1") -> ChargePoint:
    row = online(charge_point(cp_id))
    row.protocol = protocol
    row.save()
    return row


def token(id_token: str, **values: Any) -> IdToken:
    return IdToken.objects.create(id_token=id_token, created_at=NOON, **values)


def a_list(row: ChargePoint, version: int = 0) -> LocalList:
    return LocalList.objects.get_or_create(charge_point=row, defaults={"policy": "all", "version": version})[
        0
    ]


def reports(row: ChargePoint, address: str, value: str, most: int | None = None) -> None:
    """What the charge point has said of one of its variables."""
    variable = None
    if most is not None:
        component = Component.objects.create(
            charge_point=row, name="LocalAuthListCtrlr", key="localauthlistctrlr"
        )
        variable = Variable.objects.create(
            component=component, name="Entries", key="entries", max_limit=Decimal(most)
        )
    ConfigurationKey.objects.create(
        charge_point=row, name=address, folded=address.casefold(), value=value, variable=variable
    )


def belongs(row: ChargePoint) -> tuple[list[Entry], dict[str, str]]:
    found = selectors.belonging(a_list(row), now=NOON)
    return found.entries, {left.id_token: left.reason for left in found.left_out}


def test_what_an_entry_says_of_its_token_depends_on_the_version() -> None:
    cs201, cp16 = station(), station("CP16", "ocpp1.6")
    for evse in (1, 2):
        meet(cs201.pk, evse, 0, known_from="report")
    token("DE-8AA-123456789")
    token("CARD", evses=["CS201/2", "CP16/1"])
    token("AWAY", evses=["ELSEWHERE"])
    token("SAME")
    token("SAME", type="ISO14443", blocked=True)
    token("OTHER", type="Central")
    token("KEYCODE-" + "A" * 28, type="KeyCode")
    entries, left_out = belongs(cs201)
    assert entries == [
        Entry("DE-8AA-123456789", "Accepted", type="eMAID"),
        Entry("CARD", "Accepted", type="ISO14443", evses=(2,)),
        Entry("OTHER", "Accepted", type="Central"),
        Entry("AWAY", "NotAtThisLocation", type="ISO14443"),
        Entry("SAME", "Blocked", type="ISO14443"),
    ]
    assert left_out == {"SAME": "same_text", "KEYCODE-" + "A" * 28: "secret"}
    assert [read_entry(entry.as_json()) for entry in entries] == entries
    entries, left_out = belongs(cp16)
    assert [(entry.id_token, entry.status, entry.type) for entry in entries] == [
        ("DE-8AA-123456789", "Accepted", ""),
        ("SAME", "Accepted", ""),
        ("OTHER", "Accepted", ""),
        ("AWAY", "NotAtThisLocation", ""),
    ]
    assert left_out == {"SAME": "same_text", "CARD": "some_evses", "KEYCODE-" + "A" * 28: "secret"}
    assert {likely_type(text) for text in ("ALICE", "04A2B3C4D5E680", "DE-8AA")} == {"ISO14443"}


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
def test_a_token_that_is_valid_for_ever_or_was_never_stops_no_list(protocol: str) -> None:
    """Operators write 9998 for always and 2000 for never; what a version cannot say is left out, and the others go."""
    row = station(protocol=protocol)
    token("EVER", expires_at=datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC))
    token("NEVER", expires_at=datetime(2000, 1, 1, tzinfo=UTC))
    token("ODD", type="Fingerprint")
    token("CARD", type="ISO14443")
    a_list(row)
    assert sync_local_lists(now=NOON) == 1
    session = Session(Version(protocol), 30.0)
    order = order_of(Version(protocol), "send-local-list")
    assert order is not None
    text = session.call("1", order.action, order.payload(Command.objects.get().params), 0.0)
    assert ("9998-12-31T23:59:59.000Z" in text, "2000-01-01T00:00:00.000Z" in text) == (True, True)
    assert belongs(row)[1] == ({} if protocol == "ocpp1.6" else {"ODD": "unsaid"})


def test_a_list_is_as_long_as_its_variable_allows() -> None:
    cs201 = station()
    for name in ("A", "B", "C"):
        token(name)
    assert len(belongs(cs201)[0]) == 3
    reports(cs201, "LocalAuthListCtrlr/Entries", "1", most=2)  # its value is how many there are now
    entries, left_out = belongs(cs201)
    assert ([entry.id_token for entry in entries], left_out) == (["A", "B"], {"C": "no_room"})


def test_no_message_has_more_bytes_or_entries_than_the_charge_point_takes() -> None:
    cs201 = station()
    row = a_list(cs201)
    for number in range(9):
        token(f"T{number}" * (12 if number == 4 else 2), parent="F" * 30)
    entry = selectors.belonging(row, now=NOON).entries[0].as_json()
    reports(cs201, "LocalAuthListCtrlr/ItemsPerMessage", "4")
    bound = message_bytes(cs201, "Differential", [entry] * 2)
    reports(cs201, "LocalAuthListCtrlr/BytesPerMessage", str(bound))
    assert sync_local_lists(now=NOON) == 1
    sent = Command.objects.get().params["entries"]
    parts = [sent, *row.parts.order_by("pk").values_list("entries", flat=True)]
    assert [len(part) for part in parts] == [2, 2, 1, 2, 2]
    assert max(message_bytes(cs201, "Differential", part) for part in parts) == bound
    assert divided(cs201, sent, items=4, most_bytes=10) == [[one] for one in sent], (
        "too large by itself: alone"
    )
    assert divided(cs201, [], items=4, most_bytes=10) == divided(cs201, [], items=4, most_bytes=None) == [[]]
    ConfigurationKey.objects.filter(folded__endswith="bytespermessage").delete()
    Command.objects.update(status="cancelled")
    assert len(send(cs201, update_type="Full").params["entries"]) == 4


def send(row: ChargePoint, **params: Any) -> Command:
    return send_command(row, "send-local-list", params, author=SYSTEM, now=NOON + timedelta(seconds=1))


def test_a_list_of_another_version_is_sent_anew() -> None:
    cs201 = station()
    row = a_list(cs201, version=3)
    token("ALICE")
    LocalListEntry.objects.create(local_list=row, id_token="ALICE", key="ALICE", status="Accepted")
    assert selectors.pending(row, now=NOON).kind == "Full"
    with pytest.raises(CommandRefused, match="it is not known what CS201 has"):
        send(cs201, update_type="Differential")
    LocalListEntry.objects.update(type="ISO14443")
    assert selectors.pending(row, now=NOON).kind == ""
