"""What is read of reservations: by the API, and by whoever else shows them."""

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Upper

from chargers.models import Connector
from chargers.reservations.models import Reservation


def reservations() -> QuerySet[Reservation]:
    """Return the reservations with their charge points."""
    return Reservation.objects.select_related("charge_point")


def held_reservations(charge_point_id: int) -> QuerySet[Reservation]:
    """Return the reservations that a charge point keeps now, as far as is known."""
    return Reservation.objects.filter(charge_point_id=charge_point_id, status=Reservation.Status.ACCEPTED)


def of_any_at(charge_point_id: int, evse: int) -> Q:
    """Which reservations of any EVSE may be kept at this one: of no kind of connector, or of one that it has.

    While nobody has told of which kinds its connectors are, all may.
    """
    kinds = Connector.objects.filter(charge_point_id=charge_point_id, evse_number=evse).exclude(
        connector_type=""
    )
    fits = Exists(kinds.filter(connector_type=OuterRef("connector_type")))
    return Q(evse_number=None, connector_number=0) & (Q(connector_type="") | fits | ~Exists(kinds))


def of_token(reservations: QuerySet[Reservation], id_token: str) -> QuerySet[Reservation]:
    """Keep the reservations for a token; tokens are compared without regard to case."""
    return reservations.alias(folded=Upper("id_token")).filter(folded=Upper(Value(id_token)))
