"""What is documented of a limit is what is taken: an exact number, as JSON writes it or in a text."""

from decimal import Decimal
from typing import Any

import pytest
from jsonschema_rs import validator_for
from pydantic import ValidationError

from transactions.charging_profiles.params import Period, Schedule

DOCUMENTED = validator_for(Period.model_json_schema())


@pytest.mark.parametrize("limit", [0, 16, 16.5, "16.5", "0", "8.10", 10**9])
def test_numbers_and_digits_in_a_text_are_taken_as_documented(limit: Any) -> None:
    assert DOCUMENTED.is_valid({"start_period": 0, "limit": limit})
    assert Period(start_period=0, limit=limit).limit == Decimal(str(limit))


@pytest.mark.parametrize(
    "limit", [-1, "-1", "NaN", "Infinity", "1e3", "1_0", " 3", "", "3,5", True, None, [], 10**9 + 1]
)
def test_what_is_no_such_number_is_refused_as_documented(limit: Any) -> None:
    assert not DOCUMENTED.is_valid({"start_period": 0, "limit": limit})
    with pytest.raises(ValidationError):
        Period(start_period=0, limit=limit)


def test_the_least_rate_is_documented_alike() -> None:
    limit = {
        key: value
        for key, value in Period.model_json_schema()["properties"]["limit"].items()
        if key == "anyOf"
    }
    [least, nothing] = Schedule.model_json_schema()["properties"]["min_rate"]["anyOf"]
    assert (least["anyOf"], nothing) == (limit["anyOf"], {"type": "null"})
