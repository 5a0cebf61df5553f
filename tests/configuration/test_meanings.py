"""What a charge point is set to is asked for by its meaning, whatever its version calls it."""

import pytest

from chargers.configuration.meanings import meanings, meant, meant_number, name_of
from chargers.configuration.models import ConfigurationKey
from chargers.models import ChargePoint
from chargers.protocol.versions import Version
from tests.support.house import known

pytestmark = pytest.mark.django_db


def says(row: ChargePoint, name: str, value: str) -> None:
    ConfigurationKey.objects.create(charge_point=row, name=name, folded=name.casefold(), value=value)


def test_each_version_has_its_own_name_for_what_is_meant():
    row = known("CP-MEANS")
    says(row, "ConnectionTimeOut", "60")
    says(row, "TxCtrlr/EVConnectionTimeOut", ' "90" ')
    assert meant_number(row.pk, "connection_timeout") == 60  # one that never connected is taken for 1.6
    ChargePoint.objects.filter(pk=row.pk).update(protocol=Version.V201)
    assert name_of(row.pk, "connection_timeout") == "TxCtrlr/EVConnectionTimeOut"
    assert (meant(row.pk, "connection_timeout"), meant_number(row.pk, "connection_timeout")) == ("90", 90)


def test_what_a_version_cannot_say_is_not_known():
    row = known("CP-MEANS")
    says(row, "LocalAuthListMaxLength", "5")
    assert meant_number(row.pk, "local_list_max") == 5
    ChargePoint.objects.filter(pk=row.pk).update(protocol=Version.V201)
    assert (name_of(row.pk, "local_list_max"), meant(row.pk, "local_list_max")) == ("", None)


def test_what_only_later_versions_mean_is_not_known_in_1_6():
    row = known("CP-MEANS")
    later = set(meanings()[Version.V201]) - set(meanings()[Version.V16])
    assert "master_pass_group" in later
    for meaning in later:
        says(row, meanings()[Version.V201][meaning], "1")
        assert (name_of(row.pk, meaning), meant(row.pk, meaning)) == ("", None)
