"""Where the `ocpp` package, whose schemas are used here, does not keep the standard: csms does."""

import pytest

from chargers.models import Frame
from tests.conformance.v16.cast import STATUS, cp16
from tests.support.house import House


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "ProtocolError"),
        ({**STATUS, "connectorId": "left"}, "TypeConstraintViolation"),
        ({**STATUS, "status": {"a": 1}}, "TypeConstraintViolation"),
    ],
)
async def test_lib_05_error_mapping_is_that_of_16_and_echoes_nothing(
    house: House, payload: object, code: str
):
    async with cp16(house) as charger:
        error = await charger.wire.call("StatusNotification", payload)
        assert error[2] == code
        assert error[4] == {}


async def test_lib_09_validation_covers_formats_ids_and_types(house: House):
    async with cp16(house) as charger:
        report = {**STATUS, "timestamp": "2026-13-45T99:00:00Z"}
        assert (await charger.wire.call("StatusNotification", report, "i" * 60))[0] == 3
        frame = Frame.objects.get(charge_point=charger.row, direction="in", action="StatusNotification")
        assert frame.verdict == "deviant"
        assert "timestamp" in frame.notes
        assert "message id" in frame.notes
