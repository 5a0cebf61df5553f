"""What the sub-page of a charge point's network shows: its slots, and its moves to other security profiles."""

from dataclasses import dataclass

from chargers.models import ChargePoint
from chargers.network.models import NetworkProfile, ProfileChange
from chargers.network.selectors import Slots, held, slots_of

CHANGES_SHOWN = 10
TOLD_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot of a charge point: what it holds as far as is known, and what the charge point does with it."""

    number: int
    profile: NetworkProfile | None
    in_use: bool
    tried: int | None
    """In which place of its order it is tried; None if it is not."""


class Network:
    """What the sub-page shows."""

    def __init__(self, charge_point: ChargePoint) -> None:
        self.slots: Slots = slots_of(charge_point.pk)
        holds = held(charge_point)
        numbers = sorted({*self.slots.allowed, *self.slots.priority, *holds})
        order = {slot: place for place, slot in enumerate(self.slots.priority, start=1)}
        used = self.slots.in_use
        self.rows = [Slot(n, holds.get(n), n == used, order.get(n)) for n in numbers]
        told = NetworkProfile.objects.filter(charge_point=charge_point).exclude(
            state=NetworkProfile.State.ACCEPTED
        )
        self.not_taken = list(told.order_by("-pk")[:TOLD_SHOWN])
        changes = ProfileChange.objects.filter(charge_point=charge_point)
        self.changes = list(changes.order_by("-pk")[:CHANGES_SHOWN])
        self.under_way = next((one for one in self.changes if one.state in ProfileChange.OPEN), None)
        self.profiles = [n for n in (1, 2, 3) if n > charge_point.security_profile]
