"""A column that says where a connector is in the numbers of OCPP 2.x, also where nobody told."""

from typing import Any

from django.db import models


class OwnEvse(models.PositiveIntegerField):  # type: ignore[type-arg]
    """The place of a connector in OCPP 2.x; unless given, an EVSE of its own of which it is the only connector.

    Of `counted` connectors: the number within the EVSE.
    """

    def __init__(self, *args: Any, counted: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.counted = counted

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, options | ({"counted": True} if self.counted else {})

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the number."""
        value = getattr(model_instance, self.attname)
        if value is None:
            number: int = model_instance.number  # type: ignore[attr-defined]
            value = min(number, 1) if self.counted else number
            setattr(model_instance, self.attname, value)
        return value
