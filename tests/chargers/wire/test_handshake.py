"""Who gets a connection: identity, version and key, each refused with the status that says why."""

import base64
from typing import Any

import pytest
import websockets
from django.utils import timezone
from websockets.exceptions import InvalidStatus

from chargers.blocking.services import block_address, unblock
from chargers.models import ChargePoint, RefusedHandshake, Registration
from chargers.services import set_password, set_registration
from chargers.traits.services import set_charge_point_traits
from csms.core.config import get_config
from tests.support.charger import RawCharger, eventually
from tests.support.house import House, known, now, settings_are

KEY = "0123456789abcdef0123456789abcdef01234567"  # as ChangeConfiguration carries it: 20 bytes in hex
PASSWORD = "a password of alice's"


def basic(username: str, password: str | bytes) -> dict[str, str]:
    key = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(username.encode() + b":" + key).decode()}


async def refusal(house: House, path: str, **options: Any) -> tuple[int, str]:
    """Knock, and return the status and the sentence of the refusal."""
    with pytest.raises(InvalidStatus) as refused:
        async with RawCharger.connect(house.ocpp_url, path, **options):
            pass
    return refused.value.response.status_code, (refused.value.response.body or b"").decode()


async def remembered(identity: str, reason: str) -> RefusedHandshake:
    return await eventually(lambda: RefusedHandshake.objects.filter(identity=identity, reason=reason).first())


# --- identity: T-001 to T-004, quirks I1 and I2 ------------------------------------------------


@pytest.mark.parametrize(
    ("path", "cp_id"),
    [
        ("ID-PLAIN", "ID-PLAIN"),
        ("ID%20BLANK", "ID BLANK"),
        ("RDAM%7C123", "RDAM|123"),
        ("%E6%A1%A9-1", "桩-1"),
        ("ID%2541", "ID%41"),  # decoded once
        ("ID-SLASH/", "ID-SLASH"),
        ("/ID-DOUBLE", "ID-DOUBLE"),
        ("a/b/ID-DEEP", "ID-DEEP"),
        ("ws://host/ID-URL", "ID-URL"),
        ("ID-QUERY?token=1", "ID-QUERY"),
        ("X" * 48, "X" * 48),
        ("id-CASE", "ID-case"),
    ],
)
async def test_the_last_segment_of_the_path_is_the_identity(house: House, path: str, cp_id: str):
    charge_point = known(cp_id)
    async with RawCharger.connect(house.ocpp_url, path) as charger:
        assert (await charger.boot())["status"] == "Accepted"
        assert house.gateway.held[charge_point.pk].holder.cp_id == cp_id


@pytest.mark.parametrize("path", ["X" * 49, "A%3AB", "A%00B", "A%0AB", "A%2FB", "%20", "%FF%FE", ""])
async def test_an_impossible_identity_is_refused(house: House, path: str):
    with settings_are(CSMS_UNKNOWN_CHARGE_POINTS="accept"):
        before = ChargePoint.objects.count()
        status, text = await refusal(house, path)
        assert status == 404
        assert text
        await eventually(lambda: RefusedHandshake.objects.filter(reason="bad_identity").exists())
        assert ChargePoint.objects.count() == before


async def test_an_unknown_charge_point_is_refused_and_counted(house: House):
    for _ in range(3):
        assert await refusal(house, "ID-NOBODY") == (404, "nobody registered this charge point")
    row = await remembered("ID-NOBODY", "unknown")
    await eventually(lambda: RefusedHandshake.objects.get(pk=row.pk).count == 3)
    assert (row.peer, row.http_status) == ("127.0.0.1", 404)
    assert not ChargePoint.objects.filter(cp_id="ID-NOBODY").exists()


async def test_the_waiting_room_has_a_limit(house: House):
    waiting = ChargePoint.objects.filter(registration=Registration.PENDING, retired_at=None).count()
    with settings_are(CSMS_UNKNOWN_CHARGE_POINTS="pending", CSMS_MAX_PENDING_CHARGE_POINTS=str(waiting + 1)):
        async with RawCharger.connect(house.ocpp_url, "ID-WAIT1"):
            assert (await refusal(house, "ID-WAIT2"))[0] == 404
    assert (await remembered("ID-WAIT2", "too_many_pending")).count == 1


async def test_a_rejected_charge_point_stays_outside(house: House):
    rejected = known("ID-REJECTED")
    set_registration(rejected, Registration.REJECTED, now=now())
    assert (await refusal(house, "ID-REJECTED"))[0] == 403
    assert (await remembered("ID-REJECTED", "rejected")).http_status == 403


async def test_a_blocked_address_is_turned_away_until_it_is_unblocked(house: House):
    known("ID-BLOCKED")
    block = block_address("127.0.0.1", by="alice", now=now(), days=1)
    try:
        assert await refusal(house, "ID-BLOCKED") == (403, "an operator blocked this address")
        assert (await remembered("ID-BLOCKED", "blocked")).peer == "127.0.0.1"
    finally:
        unblock(block, by="alice", now=now())
    async with RawCharger.connect(house.ocpp_url, "ID-BLOCKED") as charger:
        assert (await charger.boot())["status"] == "Accepted"


# --- version: T-005 to T-008, TC_088 -----------------------------------------------------------


@pytest.mark.parametrize("offered", [None, ["ocpp0.1"], ["ocpp2.0"], ["OCPP1.6"], ["ocpp1.60"]])
async def test_tc_088_no_common_subprotocol_gets_no_connection(house: House, offered: list[str] | None):
    known_id = f"V-{offered[0] if offered else 'none'}"
    known(known_id)
    assert (await refusal(house, known_id, subprotocols=offered))[0] == 400
    assert (await remembered(known_id, "no_subprotocol")).detail.startswith("no common subprotocol")


@pytest.mark.parametrize("offered", [["ocpp1.6"], ["ocpp0.1", "ocpp1.6"], ["ocpp9.9", "ocpp1.6", "ocpp0.1"]])
async def test_tc_088_the_first_offered_version_that_is_served_is_spoken(house: House, offered: list[str]):
    cp_id = f"V{len(offered)}"
    known(cp_id)
    async with RawCharger.connect(house.ocpp_url, cp_id, subprotocols=offered) as charger:
        assert charger.socket.subprotocol == "ocpp1.6"
        assert (await charger.boot())["status"] == "Accepted"


async def test_t1_hardware_that_offers_none_may_be_taken_for_1_6(house: House):
    known("V-OLD")
    with settings_are(CSMS_SUBPROTOCOL_DEFAULT="ocpp1.6"):
        async with RawCharger.connect(house.ocpp_url, "V-OLD", subprotocols=None) as charger:
            assert charger.socket.subprotocol is None
            assert (await charger.boot())["status"] == "Accepted"


# --- keys: T-003, T-024, T-026, T-027, TC_085 -----------------------------------------------


async def test_tc_085_basic_authentication(house: House):
    known("K-1", password=PASSWORD)
    right = basic("K-1", PASSWORD)
    for _ in range(2):  # the second time from memory
        async with RawCharger.connect(house.ocpp_url, "K-1", additional_headers=right) as charger:
            assert (await charger.boot())["status"] == "Accepted"
    async with RawCharger.connect(house.ocpp_url, "K-1", additional_headers=basic("k-1", PASSWORD)):
        pass
    wrong = {
        "no_credentials": {},
        "wrong_password": basic("K-1", PASSWORD + "x"),
        "wrong_username": basic("K-2", PASSWORD),
        "bad_credentials": {"Authorization": "Bearer abc"},
    }
    for reason, headers in wrong.items():
        assert (await refusal(house, "K-1", additional_headers=headers))[0] == 401
        assert (await remembered("K-1", reason)).http_status == 401
    with pytest.raises(InvalidStatus) as refused:
        async with RawCharger.connect(house.ocpp_url, "K-1"):
            pass
    assert refused.value.response.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ", "Basic !!!", "Basic Y29sb25sZXNz", "Basic " + "A" * 3999]
)
async def test_a_broken_header_is_a_refusal_and_no_crash(house: House, header: str):
    cp_id = f"K-BAD{len(header)}"
    known(cp_id, password=PASSWORD)
    assert (await refusal(house, cp_id, additional_headers={"Authorization": header}))[0] == 401


@pytest.mark.parametrize(
    ("cp_id", "sent"), [("K-HEX", KEY), ("K-HEX-UPPER", KEY.upper()), ("K-BYTES", bytes.fromhex(KEY))]
)
async def test_t_024_a_key_is_the_same_in_hex_and_in_bytes(house: House, cp_id: str, sent: str | bytes):
    known(cp_id, password=KEY)
    async with RawCharger.connect(house.ocpp_url, cp_id, additional_headers=basic(cp_id, sent)) as charger:
        assert (await charger.boot())["status"] == "Accepted"
    other = bytes.fromhex(KEY)[::-1]
    assert (await refusal(house, cp_id, additional_headers=basic(cp_id, other)))[0] == 401


async def test_a_password_may_have_colons_and_any_letters(house: House):
    password = "pass:word:ünïcödé::"
    known("K-COLON", password=password)
    async with RawCharger.connect(
        house.ocpp_url, "K-COLON", additional_headers=basic("K-COLON", password)
    ) as charger:
        assert (await charger.boot())["status"] == "Accepted"


async def test_a_new_password_ends_the_old_one_at_once(house: House):
    charge_point = known("K-NEW", password=PASSWORD)
    async with RawCharger.connect(house.ocpp_url, "K-NEW", additional_headers=basic("K-NEW", PASSWORD)):
        pass
    set_password(charge_point, PASSWORD[::-1], by="alice", now=timezone.now())
    assert (await refusal(house, "K-NEW", additional_headers=basic("K-NEW", PASSWORD)))[0] == 401
    async with RawCharger.connect(house.ocpp_url, "K-NEW", additional_headers=basic("K-NEW", PASSWORD[::-1])):
        pass


async def test_a_stranger_cannot_take_over_a_charge_point_that_is_connected(house: House):
    victim = known("K-VICTIM", password=PASSWORD)
    async with RawCharger.connect(
        house.ocpp_url, "K-VICTIM", additional_headers=basic("K-VICTIM", PASSWORD)
    ) as charger:
        await charger.boot()
        held = house.gateway.held[victim.pk]
        assert (await refusal(house, "K-VICTIM", additional_headers=basic("K-VICTIM", "x" * 20)))[0] == 401
        assert house.gateway.held[victim.pk] is held
        assert (await charger.call("Heartbeat", {}))[0] == 3


async def test_t_027_guessing_is_slowed_down_for_the_guesser_alone(house: House):
    known("K-GUESSED", password=PASSWORD)
    known("K-OTHER", password=PASSWORD)
    wrong = basic("K-GUESSED", "wrong" * 4)
    statuses = [(await refusal(house, "K-GUESSED", additional_headers=wrong))[0] for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    # The right one must not be told apart from a guess now, in any case of the name.
    right = basic("K-GUESSED", PASSWORD)
    assert (await refusal(house, "k-guessed", additional_headers=right))[0] == 429
    assert (await remembered("K-GUESSED", "too_many_attempts")).http_status == 429
    async with RawCharger.connect(house.ocpp_url, "K-OTHER", additional_headers=basic("K-OTHER", PASSWORD)):
        pass


async def test_passwords_may_be_demanded_of_all(house: House):
    known("K-NONE")
    with settings_are(CSMS_REQUIRE_CHARGE_POINT_PASSWORD="true"):
        assert get_config().require_charge_point_password
        assert (await refusal(house, "K-NONE", additional_headers=basic("K-NONE", PASSWORD)))[0] == 401
    assert (await remembered("K-NONE", "no_password_set")).http_status == 401


async def test_elsewhere_there_is_no_socket(house: House):
    with pytest.raises(InvalidStatus) as refused:
        async with websockets.connect(
            house.ocpp_url.replace("/ocpp", "/somewhere"), subprotocols=["ocpp1.6"]
        ):
            pass
    assert refused.value.response.status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Mode": "websocket", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://example.org", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"},
    ],
)
async def test_a_web_page_cannot_pose_as_a_charge_point(house: House, headers: dict[str, str]):
    known(cp_id := f"K-POSED-{len(headers['User-Agent']) if 'Origin' in headers else 0}")
    options = {"additional_headers": headers, "user_agent_header": None}
    assert (await refusal(house, cp_id, **options))[0] == 403


# --- which versions are spoken ----------------------------------------------------------------------------------------


async def test_a_version_is_spoken_only_where_the_settings_name_it(house: House):
    both = ["ocpp2.0.1", "ocpp1.6"]
    known("V-BOTH")
    set_charge_point_traits(known("V-ONLY"), {"only_version": "ocpp2.0.1"}, now=now())
    for cp_id in ("V-BOTH", "V-ONLY"):
        async with RawCharger.connect(house.ocpp_url, cp_id, subprotocols=both) as charger:
            assert charger.socket.subprotocol == "ocpp2.0.1"
    with settings_are(CSMS_OCPP_VERSIONS="OCPP1.6"):
        async with RawCharger.connect(house.ocpp_url, "V-BOTH", subprotocols=both) as charger:
            assert charger.socket.subprotocol == "ocpp1.6"
        status, body = await refusal(house, "V-BOTH", subprotocols=["ocpp2.0.1"])
        assert (status, "served are ocpp1.6" in body) == (400, True)
        assert (await refusal(house, "V-ONLY", subprotocols=both))[0] == 400
    with settings_are(CSMS_OCPP_VERSIONS="ocpp2.0.1"):
        assert (await refusal(house, "V-BOTH", subprotocols=["ocpp1.6"]))[0] == 400
