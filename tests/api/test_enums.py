"""Enumerations of the OpenAPI document have names that say what they are of."""

import pytest

from csms.api_enums import NAMES, name
from tests.api.documents import the_document


def test_no_enumeration_has_a_name_that_its_maker_gave_it() -> None:
    schemas = the_document()["components"]["schemas"]
    assert not [name for name in schemas if name.endswith("Enum")]
    assert set(NAMES.values()) <= schemas.keys(), "a name that nothing has any more goes out of the table"
    assert {"EmptyText", "BulkJobStopReason", "HashAlgorithm"} <= schemas.keys()


def test_an_enumeration_takes_no_name_that_something_else_has() -> None:
    document = {"components": {"schemas": {"WhyEnum": {}, "BulkJobStopReason": {}}}}
    with pytest.raises(ValueError, match="BulkJobStopReason"):
        name(document, None, None, True)


def test_who_refers_to_an_enumeration_refers_to_its_new_name() -> None:
    schemas = {
        "WhyEnum": {"enum": ["a"]},
        "Job": {"properties": {"why": {"$ref": "#/components/schemas/WhyEnum"}}},
    }
    named = name({"components": {"schemas": schemas}}, None, None, True)["components"]["schemas"]
    assert list(named) == ["BulkJobStopReason", "Job"]
    assert named["Job"]["properties"]["why"] == {"$ref": "#/components/schemas/BulkJobStopReason"}
