"""The commands of this block: reserve a connector, and let a reservation go."""

from datetime import datetime
from typing import Any

from pydantic import Field

from chargers.commands.ordering import CommandType, Draft, Instant, Params, as_given, bad_param, by_slug
from chargers.commands.saying import fixed_number
from chargers.configuration.selectors import reported_value
from chargers.handling import INT32_MAX
from chargers.reservations import services
from chargers.reservations.models import Reservation
from chargers.reservations.selectors import held_reservations


class ReserveNow(Params):
    """Keep a connector for a token until a time."""

    connector_id: int = Field(
        title="Connector",
        ge=0,
        le=INT32_MAX,
        description="0 = any connector, where the charge point can do that.",
    )
    id_token: str = Field(
        title="Id token", min_length=1, max_length=255, description="The token that may start there."
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
    if params.connector_id == 0:
        # S16-42
        supported = reported_value(charge_point.pk, "ReserveConnectorZeroSupported")
        if supported is None:
            note = "Whether the charge point can reserve any connector was not known."
        elif supported.strip().lower() != "true":
            raise bad_param(
                "connector_id",
                f"{charge_point.cp_id} cannot reserve any connector (ReserveConnectorZeroSupported); choose one",
            )
    if params.reservation_id is not None and not (
        held_reservations(charge_point.pk).filter(number=params.reservation_id).exists()
    ):
        raise bad_param(
            "reservation_id", f"{charge_point.cp_id} holds no reservation {params.reservation_id}"
        )
    reservation = services.request_reservation(
        draft,
        connector_number=params.connector_id,
        id_token=params.id_token,
        parent=params.parent,
        expires_at=params.expires_at,
        number=params.reservation_id or fixed_number(draft, "number"),
        note=note,
    )
    return as_given(draft) | {"reservation_id": reservation.number}


def _cancel(draft: Draft) -> dict[str, Any]:
    number, charge_point = draft.params.reservation_id, draft.charge_point
    row = services.cancellable(charge_point.pk, number)
    if row is None and draft.exact is not None:
        return as_given(draft)  # of one that others made, which we know nothing of and keep nothing of
    if row is None:
        over = Reservation.objects.filter(charge_point=charge_point, number=number).order_by("-pk").first()
        what = f"has no reservation {number}" if over is None else f"holds it no more: it is {over.status}"
        raise bad_param("reservation_id", f"{charge_point.cp_id} {what}")
    chosen = {"connector_id": row.connector_number} if row.connector_number else {}
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
