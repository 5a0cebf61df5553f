"""The commands of this block: reserve a connector, and let a reservation go."""

from datetime import datetime
from typing import Any

from pydantic import Field

from chargers.commands.ordering import CommandType, Draft, Instant, Params, as_given, bad_param, by_slug
from chargers.commands.saying import fixed_number
from chargers.configuration.meanings import meant, name_of
from chargers.handling import INT32_MAX
from chargers.reservations import services
from chargers.reservations.models import Reservation
from chargers.reservations.selectors import held_reservations
from chargers.topology.places import has_evses
from chargers.topology.services import placed
from csms.core.id_tokens import likely_type


class ReserveNow(Params):
    """Keep a connector for a token until a time."""

    connector_id: int | None = Field(
        None,
        title="Connector",
        ge=0,
        le=INT32_MAX,
        description="0 = any connector, where the charge point can do that. In OCPP 1.6 it is required; in OCPP 2.x "
        "it stands for its EVSE.",
    )
    evse_id: int | None = Field(
        None, title="EVSE", ge=1, le=INT32_MAX, description="OCPP 2.x only; any connector of this EVSE."
    )
    connector_type: str | None = Field(
        None,
        title="Kind of connector",
        max_length=20,
        description="OCPP 2.x only; a word such as cCCS2, empty = any.",
    )
    id_token: str = Field(
        title="Id token", min_length=1, max_length=255, description="The token that may start there."
    )
    token_type: str | None = Field(
        None,
        title="Kind of token",
        max_length=20,
        description="OCPP 2.x only; a word such as ISO14443, empty = the likeliest.",
    )
    parent: str = Field(
        "", title="Group", max_length=255, description="The parent token whose other members may start, too."
    )
    expires_at: Instant = Field(title="Until", description="When the reservation ends; in the future.")
    reservation_id: int | None = Field(
        None,
        title="Instead of reservation",
        ge=1,
        le=INT32_MAX,
        description="The id of a reservation whose place this one takes; empty for a new one.",
    )


class CancelReservation(Params):
    """Let a reservation go."""

    reservation_id: int = Field(
        title="Reservation", ge=1, le=INT32_MAX, description="The reservation's id on the wire."
    )


def _reserve(draft: Draft) -> dict[str, Any]:
    params: ReserveNow = draft.params
    charge_point = draft.charge_point
    if params.expires_at <= draft.now:
        raise bad_param("expires_at", "the end of a reservation is in the future")
    note = ""
    evses = has_evses(charge_point.protocol)
    if params.connector_id is None and not evses:
        raise bad_param("connector_id", "choose a connector, or 0 for any")
    values = placed(draft)
    evse = values.get("evse") or None
    if evse is None if evses else params.connector_id == 0:
        # S16-42
        supported = meant(charge_point.pk, "reserve_any")
        if supported is None:
            note = "Whether the charge point can reserve any connector was not known."
        elif supported.strip().lower() != "true":
            raise bad_param(
                "connector_id",
                f"{charge_point.cp_id} cannot reserve any connector ({name_of(charge_point.pk, 'reserve_any')}); "
                f"choose {'an EVSE' if evses else 'one'}",
            )
    if params.reservation_id is not None and not (
        held_reservations(charge_point.pk).filter(number=params.reservation_id).exists()
    ):
        raise bad_param(
            "reservation_id", f"{charge_point.cp_id} holds no reservation {params.reservation_id}"
        )
    token_type = (params.token_type or likely_type(params.id_token)) if evses else ""
    reservation = services.request_reservation(
        draft,
        connector_number=(params.connector_id or evse or 0) if evse or not evses else 0,
        evse_number=evse,
        connector_type=params.connector_type or "",
        id_token=params.id_token,
        token_type=token_type,
        parent=params.parent,
        expires_at=params.expires_at,
        number=params.reservation_id or fixed_number(draft, "number"),
        note=note,
    )
    told = {"token_type": token_type} if evses else {}
    return values | told | {"reservation_id": reservation.number}


def _cancel(draft: Draft) -> dict[str, Any]:
    number, charge_point = draft.params.reservation_id, draft.charge_point
    row = services.cancellable(charge_point.pk, number)
    if row is None and draft.exact is not None:
        return as_given(draft)  # of one that others made, which we know nothing of and keep nothing of
    if row is None:
        over = Reservation.objects.filter(charge_point=charge_point, number=number).order_by("-pk").first()
        what = f"has no reservation {number}" if over is None else f"holds it no more: it is {over.status}"
        raise bad_param("reservation_id", f"{charge_point.cp_id} {what}")
    chosen: dict[str, Any] = {"connector_id": row.connector_number} if row.connector_number else {}
    if (evse := row.evse_number or row.seen_evse) is not None:
        chosen["evse"] = evse
    return as_given(draft) | {"reservation": str(row.pk), **chosen}


COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "reserve-now",
        "Reserve",
        ReserveNow,
        effect="The connector is reserved.",
        prepare=_reserve,
        until=lambda params: datetime.fromisoformat(params["expires_at"]),
        settled=services.settle_reservation,
    ),
    CommandType(
        "cancel-reservation",
        "Cancel a reservation",
        CancelReservation,
        effect="The connector is available again.",
        danger="The driver loses the reservation. Cancel it?",
        prepare=_cancel,
        settled=services.settle_cancellation,
    ),
)
