"""A station of OCPP 2.0.1 without a wire that is ordered things, too, at times of the test's choosing."""

from datetime import timedelta
from typing import Any

from chargers.commands.ledger import claim_next, settle_answer
from chargers.commands.ordering import Author
from chargers.commands.sending import send_command
from chargers.models import ChargePoint, Command, Connector
from chargers.protocol import schemas
from tests.transactions.cast import NOON, Wireless201, at

ALICE = Author("alice")
__all__ = ["ALICE", "NOON", "Station", "at"]


class Station(Wireless201):
    """Is online; `received` and `minutes` are minutes from noon by our clock."""

    def __init__(self, cp_id: str = "CS201") -> None:
        super().__init__(cp_id)
        self.reconnect()

    def reconnect(self) -> None:
        super().reconnect()
        ChargePoint.objects.filter(pk=self.row.pk).update(connection_id=self.holder.connection_id)
        self.row.refresh_from_db()

    def status(
        self, word: str, evse: int = 1, connector: int = 1, received: float = 0, time: str = ""
    ) -> None:
        report = {"timestamp": time or at(received), "connectorStatus": word}
        place = {"evseId": evse, "connectorId": connector}
        assert self.say("StatusNotification", report | place, received) == {}

    def connector(self, number: int) -> Connector:
        return Connector.objects.get(charge_point=self.row, number=number)

    def order(self, command: str, minutes: float = 0, **params: Any) -> Command:
        """What alice orders."""
        row = ChargePoint.objects.get(pk=self.row.pk)
        return send_command(row, command, params, author=ALICE, now=NOON + timedelta(minutes=minutes))

    def receive(self, minutes: float = 0) -> tuple[str, dict[str, Any]]:
        """Get the next order: its action and its payload, which must keep the official schema."""
        claimed = claim_next(
            self.row.pk,
            connection_id=self.holder.connection_id,
            version=self.version,
            now=NOON + timedelta(minutes=minutes),
        )
        assert claimed is not None
        self.last = claimed
        assert list(schemas.request_schema(self.version, claimed.action).complaints(claimed.payload)) == []
        return claimed.action, claimed.payload

    def answer(self, minutes: float = 0, **payload: Any) -> Command:
        """Answer what was received last; return the command as it is then."""
        now = NOON + timedelta(minutes=minutes)
        settle_answer(self.last.command_id, payload, version=self.version, now=now)
        return Command.objects.get(pk=self.last.command_id)

    def hears(self, command: str, answer: str = "Accepted", minutes: float = 0, **params: Any) -> Command:
        """Be ordered something and answer it with this word."""
        self.order(command, minutes, **params)
        self.receive(minutes)
        return self.answer(minutes, status=answer)
