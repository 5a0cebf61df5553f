"""The commands of this room: those that concern tokens and transactions."""

from pydantic import Field

from chargers.commands.ordering import CommandType, Params, by_slug
from chargers.handling import INT32_MAX
from transactions.charging_profiles.params import ChargingProfile
from transactions.remote_control import services, starting


class RemoteStart(Params):
    """Start a transaction for a token."""

    id_token: str = Field(
        title="Id token", min_length=1, max_length=255, description="The token to charge for."
    )
    connector_id: int | None = Field(
        None, title="Connector", ge=1, le=INT32_MAX, description="Leave empty to let the charge point choose."
    )
    evse_id: int | None = Field(
        None, title="EVSE", ge=1, le=INT32_MAX, description="OCPP 2.x only; empty = the charge point chooses."
    )
    token_type: str | None = Field(
        None,
        title="Kind of token",
        max_length=20,
        description="OCPP 2.x only; a word such as ISO14443, empty = as it is registered.",
    )
    charging_profile: ChargingProfile | None = Field(
        None, title="Charging profile", description="A TxProfile that limits the transaction from its start."
    )


class RemoteStop(Params):
    """Stop a running transaction."""

    transaction_id: str = Field(
        title="Transaction", min_length=1, max_length=36, description="The transaction's id on the wire."
    )


COMMANDS = by_slug(
    CommandType(
        "remote-start",
        "Start charging",
        RemoteStart,
        effect="A transaction of the token starts.",
        prepare=starting.prepare,
        settled=services.settle_start,
    ),
    CommandType(
        "remote-stop",
        "Stop charging",
        RemoteStop,
        effect="The transaction ends.",
        danger="The driver's charging ends now. Stop it?",
        prepare=services.prepare_stop,
    ),
)
