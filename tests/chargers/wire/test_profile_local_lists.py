"""A local list with the `ocpp` package's charge point, an independent client: version, whole, changed, out of step."""

from datetime import UTC, datetime
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

from tests.chargers.wire.independent import independent
from tests.support.charger import eventually
from tests.support.house import House, fresh, order
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.local_lists.services import set_policy, sync_local_lists
from transactions.models import IdToken


class Listing(ChargePoint):
    """Keeps a list as the standard says, of at most 3 entries a message."""

    def __init__(self, cp_id: str, socket: Any) -> None:
        super().__init__(cp_id, socket, response_timeout=15)
        self.version = 0
        self.known: dict[str, Any] = {}
        self.kinds: list[str] = []

    @on(Action.get_configuration)
    def on_get_configuration(self, **asked: Any) -> call_result.GetConfiguration:
        key = {"key": "SendLocalListMaxLength", "readonly": True, "value": "3"}
        return call_result.GetConfiguration(configuration_key=[key])

    @on(Action.get_local_list_version)
    def on_version(self) -> call_result.GetLocalListVersion:
        return call_result.GetLocalListVersion(list_version=self.version)

    @on(Action.send_local_list)
    def on_list(
        self,
        list_version: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
    ) -> call_result.SendLocalList:
        entries = local_authorization_list or []
        self.kinds.append(update_type)
        if len(entries) > 3:
            return call_result.SendLocalList(status="Failed")
        if update_type == "Differential" and list_version != self.version + 1:
            return call_result.SendLocalList(status="VersionMismatch")
        if update_type == "Full":
            self.known = {}
        for entry in entries:
            if "id_tag_info" in entry:
                self.known[entry["id_tag"]] = entry["id_tag_info"]["status"]
            else:
                del self.known[entry["id_tag"]]
        self.version = list_version
        return call_result.SendLocalList(status="Accepted")


async def test_a_list_goes_out_in_parts_follows_its_tokens_and_is_mended(house: House) -> None:
    created = datetime.now(UTC)
    IdToken.objects.all().delete()
    for name in ("ALICE", "BOB", "CHARLIE", "DAVE"):
        IdToken.objects.create(id_token=name, created_at=created)

    async with independent(house, "LISTING1", Listing) as station:
        await station.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="List"))
        limits = order(station.row, "get-configuration", keys=["SendLocalListMaxLength"])
        await eventually(lambda: fresh(limits).status == "accepted")
        asked = order(station.row, "get-local-list-version")
        await eventually(lambda: fresh(asked).effect == "The list is empty.")

        def mirrored() -> dict[str, str]:
            rows = LocalListEntry.objects.filter(local_list__charge_point=station.row)
            return dict(rows.values_list("id_token", "status"))

        def in_step(version: int) -> bool:
            row = LocalList.objects.get(charge_point=station.row)
            return (
                row.version == station.version == version and row.seen != "" and mirrored() == station.known
            )

        set_policy(station.row, policy="all", tokens=[], groups=[], now=datetime.now(UTC))
        assert sync_local_lists(now=datetime.now(UTC)) == 1
        await eventually(lambda: in_step(2))
        assert station.kinds == ["Full", "Differential"]
        assert set(station.known) == {"ALICE", "BOB", "CHARLIE", "DAVE"}

        IdToken.objects.filter(id_token="ALICE").update(blocked=True, updated_at=datetime.now(UTC))
        IdToken.objects.filter(id_token="BOB").delete()
        assert sync_local_lists(now=datetime.now(UTC)) == 1
        await eventually(lambda: in_step(3))
        assert station.kinds[2:] == ["Differential"]
        assert station.known == {"ALICE": "Blocked", "CHARLIE": "Accepted", "DAVE": "Accepted"}

        # Somebody else has sent it a list: a change does not fit any more, and the whole list follows by itself.
        station.version, station.known = 40, {"EVE": "Accepted"}
        IdToken.objects.create(id_token="FAYE", created_at=datetime.now(UTC))
        assert sync_local_lists(now=datetime.now(UTC)) == 1
        await eventually(lambda: in_step(6))
        assert station.kinds[3:] == ["Differential", "Full", "Differential"]
        assert set(station.known) == {"ALICE", "CHARLIE", "DAVE", "FAYE"}
    LocalList.objects.update(policy="off")
    IdToken.objects.all().delete()
