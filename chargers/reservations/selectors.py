"""What is read of reservations: by the API, and by whoever else shows them."""

from django.db.models import QuerySet, Value
from django.db.models.functions import Upper

from chargers.reservations.models import Reservation


def reservations() -> QuerySet[Reservation]:
    """Return the reservations with their charge points."""
    return Reservation.objects.select_related("charge_point")


def held_reservations(charge_point_id: int) -> QuerySet[Reservation]:
    """Return the reservations that a charge point keeps now, as far as is known."""
    return Reservation.objects.filter(charge_point_id=charge_point_id, status=Reservation.Status.ACCEPTED)


def of_token(reservations: QuerySet[Reservation], id_token: str) -> QuerySet[Reservation]:
    """Keep the reservations for a token; tokens are compared without regard to case."""
    return reservations.alias(folded=Upper("id_token")).filter(folded=Upper(Value(id_token)))
