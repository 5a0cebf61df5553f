"""At which EVSEs a token may be used."""

from typing import Any

import pytest

from csms.core.id_tokens import is_emaid, same_emaid
from transactions.token_places import PLACES_MAX, allowed_evses, read_places


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([], []),
        (["CP-1", " CP-1 ", "CP-1/2", "CP-1/02", "3", 3], ["CP-1", "CP-1/2", 3]),
        (["42/", "42/1", "a/b/7"], ["42/", "42/1", "a/b/7"]),
    ],
)
def test_places_have_one_form(given: list[Any], kept: list[Any]):
    assert read_places(given) == kept
    assert read_places(kept) == kept


@pytest.mark.parametrize(
    "given",
    [[""], [None], [True], [{}], ["0"], ["CP/1000"], ["x" * 65], ["a\nb"], range(1, PLACES_MAX + 2), [1.5]],
)
def test_what_is_no_place_is_refused(given: Any):
    with pytest.raises(ValueError, match="place|EVSE"):
        read_places(given)


@pytest.mark.parametrize(
    ("places", "known", "allowed"),
    [
        ([], [], None),
        (["CP-1"], [1], None),
        (["cp-1", "CP-1/2"], [1, 2], None),
        (["CP-1/2", 3, "CP-2/1"], [], (2, 3)),
        (["CP-1/2", 3], [1, 2], (2,)),
        (["CP-1/2", 1], [1, 2], None),
        (["CP-2", "CP-2/1"], [1], ()),
        ([9], [1], ()),
        (["42/"], [1], ()),
    ],
)
def test_which_evses_of_a_charge_point_they_allow(places: list[Any], known: list[int], allowed: Any):
    assert allowed_evses(places, "CP-1", known) == allowed
    assert allowed_evses(["42/"], "42", [1]) is None


def test_contracts_are_compared_without_dashes_and_check_digit():
    assert same_emaid("DE-8AA-123456789", "de8aa1234567890")
    assert same_emaid("DE-8AA-123456789-0", "DE8AA1234567890")
    assert not same_emaid("DE-8AA-123456789-0", "DE-8AA-123456789-1")
    assert not same_emaid("DE-8AA-123456789", "DE-8AA-123456780")
    assert not same_emaid("", "")
    assert is_emaid("de-8aa-123456789-x")
    assert not is_emaid("DE-8AA-12345")
