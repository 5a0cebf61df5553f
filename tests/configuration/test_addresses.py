"""How the settings of OCPP 2.x are named, and that they stand beside those of 1.6."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargers.configuration.models import ConfigurationKey
from chargers.configuration.selectors import fold
from chargers.configuration.services import desire_of_charge_point
from chargers.connections import Guest, open_connection
from chargers.device_model.addresses import ADDRESS_MAX, ATTRIBUTES, Address, is_address, read_address
from chargers.models import ChargePoint, Process
from chargers.protocol.versions import Version
from chargers.services import Refusal
from csms.core.ids import uuid7
from tests.support.house import known, now


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("OCPPCommCtrlr/HeartbeatInterval", Address("OCPPCommCtrlr", "HeartbeatInterval")),
        ("EVSE@1/Power#MaxSet", Address("EVSE", "Power", evse=1, attribute="MaxSet")),
        (
            "Connector@1.2/AvailabilityState",
            Address("Connector", "AvailabilityState", evse=1, connector=2),
        ),
        (
            "DeviceDataCtrlr/ItemsPerMessage[GetReport]",
            Address("DeviceDataCtrlr", "ItemsPerMessage", variable_instance="GetReport"),
        ),
        ("Fan[left%2Ffront]@0/RPM", Address("Fan", "RPM", "left/front", evse=0)),
    ],
)
def test_an_address_reads_as_it_is_written(text: str, address: Address):
    assert str(address) == text
    assert read_address(text) == address
    assert read_address(text.upper()) is not None


names = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=50).map(
    str.strip
)


@given(
    names.filter(bool),
    names.filter(bool),
    names,
    names,
    st.none() | st.integers(0, 999_999),
    st.none() | st.integers(0, 999_999),
    st.sampled_from(ATTRIBUTES),
)
def test_whatever_the_names_are_the_address_is_theirs_alone(c, v, ci, vi, evse, connector, attribute):
    address = Address(c, v, ci, vi, evse, None if evse is None else connector, attribute)
    text = str(address)
    assert is_address(text)
    assert len(text) <= ADDRESS_MAX
    if "~" not in text[ADDRESS_MAX - 17 :]:
        assert read_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["HeartbeatInterval", "/V", "C/", "C/V/W", "C[/V", "C@x/V", "C/V#Odd", "C/" + "V" * 51, "C@1./V", ""],
)
def test_what_is_none_is_not_read_as_one(text: str):
    assert read_address(text) is None


@pytest.mark.django_db
def test_a_setting_of_2_0_1_may_be_desired_and_is_longer_than_one_of_1_6():
    row = known("CS201")
    desire_of_charge_point(row, {"A/B": "x" * 2500, "Key": "y" * 500}, by="alice", now=now())
    for name, value in (("A/B", "x" * 2501), ("Key", "y" * 501), ("A/B/C", "z"), ("K" * 51, "z")):
        with pytest.raises(Refusal):
            desire_of_charge_point(row, {name: value}, by="alice", now=now())


@pytest.mark.django_db
def test_with_another_version_the_names_of_the_other_are_not_known_any_more():
    row = known("CS-SWITCH")
    process = Process.objects.create(host="h", pid=1, started_at=now(), seen_at=now())
    for name, attribute in (("HeartbeatInterval", ""), ("OCPPCommCtrlr/HeartbeatInterval", "Actual")):
        ConfigurationKey.objects.create(
            charge_point=row, name=name, folded=fold(name), value="60", attribute=attribute
        )

    def connect(version: Version) -> list[str]:
        open_connection(
            Guest(row.pk, row.cp_id, ""),
            connection_id=uuid7(),
            process_id=process.pk,
            version=version,
            peer="",
            user_agent="",
            now=now(),
        )
        return sorted(ConfigurationKey.objects.filter(known=True).values_list("name", flat=True))

    both = ["HeartbeatInterval", "OCPPCommCtrlr/HeartbeatInterval"]
    assert connect(Version.V16) == both, "the first version is no change"
    assert connect(Version.V201) == both[1:]
    ConfigurationKey.objects.update(known=True)
    assert connect(Version.V201) == both, "only a change tells"
    assert connect(Version.V16) == both[:1]
    assert ChargePoint.objects.get(pk=row.pk).protocol == "ocpp1.6"
