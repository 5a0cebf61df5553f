"""How the API writes and reads money."""

import re
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from csms.core.api_data import Moment, Shape
from transactions.tariffs.models import LiveCost
from transactions.tariffs.pricing import in_currency, plain


@extend_schema_field({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$", "examples": ["12.30"]})
class Money(serializers.Field):  # type: ignore[type-arg]  # its parameters mean nothing at run time
    """An exact amount, written as text with the decimals of the `currency` beside it."""

    def get_attribute(self, instance: Any) -> Decimal:
        """Return the amount in its currency."""
        currency = instance["currency"] if isinstance(instance, dict) else instance.currency
        amount: Any = super().get_attribute(instance)
        return in_currency(amount, currency)

    def to_representation(self, value: Decimal) -> str:
        """Write the amount."""
        return f"{value:f}"


@extend_schema_field({"type": "string", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,4})?$", "examples": ["0.45"]})
class Price(serializers.Field):  # type: ignore[type-arg]
    """A price: text with at most four decimals. A JSON number is refused: it would have passed through a float."""

    default_error_messages = {
        "invalid": 'A price is text with at most 8 digits before and 4 behind the point, such as "0.45".'
    }

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the exact price."""
        if not isinstance(data, str) or not re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,4})?", data, re.ASCII):
            self.fail("invalid")
        return Decimal(data)

    def to_representation(self, value: Decimal) -> str:
        """Write the price."""
        return plain(value)


@extend_schema_field({"type": "string", "pattern": r"^[0-9]{1,2}(\.[0-9]{1,2})?$", "examples": ["19"]})
class Percent(serializers.Field):  # type: ignore[type-arg]
    """Per cent, below 100, with at most two decimals, as text."""

    default_error_messages = {
        "invalid": 'It is text below 100 with at most two decimals, such as "19" or "7.7".'
    }

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the exact value."""
        if not isinstance(data, str) or not re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,2})?", data, re.ASCII):
            self.fail("invalid")
        return Decimal(data)

    def to_representation(self, value: Decimal) -> str:
        """Write the value."""
        return plain(value)


class ComponentShape(Shape):
    """One line of a cost."""

    kind = serializers.ChoiceField(["energy", "charging_time", "parking_time", "session"])
    quantity = serializers.CharField(help_text="A decimal.")
    unit = serializers.ChoiceField(["kWh", "h", "session"])
    price = serializers.CharField(help_text="For one unit, without tax; a decimal.")
    amount = serializers.CharField(help_text="Quantity by price, rounded to the currency's smallest unit.")


class ToldShape(Shape):
    """What the driver was last told at the charge point."""

    total = Money()
    currency = serializers.CharField(help_text="ISO 4217; empty if nobody said.")
    told_at = Moment()
    via = serializers.ChoiceField(
        LiveCost.Via.choices, help_text="In the `answer` to an event, or by the `command` CostUpdated."
    )


class CostShape(Shape):
    """What a transaction costs. The components add up to `net`, `net` and `tax` to `total`."""

    tariff = serializers.CharField(source="tariff.name")
    currency = serializers.CharField(help_text="ISO 4217.")
    components = ComponentShape(many=True)
    net = Money()
    tax = Money()
    total = Money()
    energy_wh = serializers.IntegerField(
        allow_null=True, help_text="Null: nobody knows, and none is charged for."
    )
    charging_seconds = serializers.IntegerField(
        help_text="While its connector was Charging; all of the time where no status told of the session."
    )
    parking_seconds = serializers.IntegerField(
        help_text="While its connector was SuspendedEV or Finishing, the free part included."
    )
    priced_at = Moment(allow_null=True, help_text="Null: an estimate, since it is active or was not priced.")


class OneCostShape(CostShape):
    """What one transaction costs, and what its driver was told of that."""

    told = serializers.SerializerMethodField(
        help_text="Null: nothing was told. Only stations of OCPP 2.x are told costs."
    )

    @extend_schema_field(ToldShape(allow_null=True))
    def get_told(self, cost: Any) -> dict[str, Any] | None:
        """Return what the driver was told."""
        transaction = cost["transaction"] if isinstance(cost, dict) else cost.transaction
        row = getattr(transaction, "live_cost", None)
        return None if row is None or row.told_at is None else dict(ToldShape(row).data)


class RevenueShape(Shape):
    """What sessions cost together, in one currency. The sums are exact."""

    currency = serializers.CharField(help_text="ISO 4217.")
    sessions = serializers.IntegerField(help_text="Those that were priced in it.")
    net = Money()
    tax = Money()
    total = Money()
