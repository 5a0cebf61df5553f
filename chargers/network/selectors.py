"""What is known of the network profiles of a charge point: which slots there are, and which one it uses."""

from dataclasses import dataclass

from django.db.models import BooleanField, Case, QuerySet, Value, When

from chargers.configuration.models import ConfigurationKey
from chargers.configuration.selectors import clean, fold, read_number, reported_values
from chargers.device_model.addresses import Address
from chargers.device_model.models import Variable
from chargers.models import ChargePoint
from chargers.network.models import NetworkProfile, ProfileChange

PRIORITY = Address("OCPPCommCtrlr", "NetworkConfigurationPriority")
ACTIVE = Address("OCPPCommCtrlr", "ActiveNetworkProfile")
DOWNGRADE = "/allowsecurityprofiledowngrade"  # of whichever component, without regard to case


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of a charge point, as it reported them."""

    allowed: tuple[int, ...]
    """Those that it has; empty while unknown."""
    priority: tuple[int, ...]
    """Those that it tries, in this order; empty while unknown."""
    priority_text: str
    """The same as it wrote it."""
    active: int | None
    """The one that it uses; None while unknown."""

    @property
    def in_use(self) -> int | None:
        """The slot that it uses, as far as is known: the first of its order if it does not tell."""
        if self.active is not None:
            return self.active
        return self.priority[0] if self.priority else None

    @property
    def free(self) -> int | None:
        """A slot that it has and does not try; None if there is none, or while the slots are unknown."""
        if self.in_use is None:
            return None
        return next((slot for slot in self.allowed if slot not in (*self.priority, self.in_use)), None)


def slots_of(charge_point_id: int) -> Slots:
    """Return the slots of a charge point. Two queries."""
    values = Variable.objects.filter(
        component__charge_point_id=charge_point_id,
        component__key=PRIORITY.of_component.casefold(),
        key=PRIORITY.of_variable.casefold(),
    )
    priority, active = reported_values(charge_point_id, [str(PRIORITY), str(ACTIVE)])
    text = priority or ""
    return Slots(
        _numbers(values.values_list("values_list", flat=True).first() or ""),
        _numbers(text),
        text,
        read_number(active),
    )


def _numbers(text: str) -> tuple[int, ...]:
    """Read a list of slots; what is no number is no slot."""
    numbers = (read_number(part) for part in text.split(",")[:1000])
    return tuple(dict.fromkeys(number for number in numbers if number is not None and number >= 0))


def stranded_by(charge_point_id: int, name: str, value: str) -> str:
    """Return why setting this variable would leave the charge point without its way back (S2-56); "" if it does not.

    Only the slot that it said it uses counts: the first of its order may be one that it could not use.
    """
    if fold(name) != fold(str(PRIORITY)):
        return ""
    active = slots_of(charge_point_id).active
    if active is None or active in _numbers(value):
        return ""
    return f"it uses slot {active}, as it last reported, which must stay in the order: it is the way back"


def may_go_down(charge_point_id: int) -> bool:
    """Return whether it says that its security profile may be lowered from 3 to 2 (T-037)."""
    values = ConfigurationKey.objects.filter(
        charge_point_id=charge_point_id, folded__endswith=DOWNGRADE, known=True
    ).values_list("value", flat=True)
    return any(clean(value or "").casefold() == "true" for value in values)


def network_profiles(charge_point: ChargePoint) -> QuerySet[NetworkProfile]:
    """Return what the slots of a charge point were told to hold; `in_use` says of which it uses, None while unknown."""
    rows = NetworkProfile.objects.filter(charge_point=charge_point).select_related("charge_point")
    used = slots_of(charge_point.pk).in_use
    if used is None:
        return rows.annotate(in_use=Value(None, output_field=BooleanField(null=True)))
    return rows.annotate(in_use=Case(When(slot=used, then=Value(True)), default=Value(False)))


def held(charge_point: ChargePoint) -> dict[int, NetworkProfile]:
    """Return what the slots of a charge point hold, as far as it took that from us: slot -> the newest."""
    taken = NetworkProfile.objects.filter(charge_point=charge_point, state=NetworkProfile.State.ACCEPTED)
    return {row.slot: row for row in taken.order_by("pk")}


def profile_changes() -> QuerySet[ProfileChange]:
    """Return the moves to other security profiles, with the charge points."""
    return ProfileChange.objects.select_related("charge_point")
