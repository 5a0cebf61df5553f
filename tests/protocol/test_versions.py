"""Who a charger is and what it speaks, read from its handshake."""

import pytest

from chargers.protocol.versions import IdentityError, Version, choose_subprotocol, identity_from_path

ALL = list(Version)


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/ocpp/CP16", "CP16"),
        (b"/CP16", "CP16"),
        ("/a/b/c/CP16", "CP16"),
        ("/ocpp/RDAM%7C123", "RDAM|123"),
        ("/ocpp/CP%2520", "CP%20"),
        ("/ocpp/cp_1-x.y", "cp_1-x.y"),
        ("/ocpp/" + "x" * 48, "x" * 48),
    ],
)
def test_t_001_the_identity_is_the_last_segment_decoded_once(path, identity):
    assert identity_from_path(path) == identity


@pytest.mark.parametrize(
    "path",
    ["/ocpp/CP16/", "/ocpp//CP16", "//CP16//", "/ocpp/CP16?x=1", "/ocpp/CP16/?a=/b", "/ws://host/ocpp/CP16"],
)
def test_i1_slashes_queries_and_whole_urls_are_tolerated(path):
    assert identity_from_path(path) == "CP16"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//",
        "/?x=CP16",
        "/%20",
        "/" + "x" * 49,
        "/a%00b",
        "/a%0Ab",
        "/a%7Fb",
        "/%FF%FE",
        "/a:b",
        "/a%2Fb",
        "/%E2%80%AEx",
    ],
)
def test_t_002_an_unusable_identity_is_refused_with_its_reason(path):
    with pytest.raises(IdentityError) as caught:
        identity_from_path(path)
    assert caught.value.reason


def test_the_mount_point_is_never_taken_for_an_identity():
    assert identity_from_path("/ocpp/CP16", mount="/ocpp/") == "CP16"
    for path in ("/ocpp", "/ocpp/", "//ocpp//"):
        with pytest.raises(IdentityError):
            identity_from_path(path, mount="/ocpp/")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ocpp1.6"], Version.V16),
        (["ocpp1.6", "ocpp2.0.1"], Version.V16),
        (["ocpp2.1", "ocpp1.6"], Version.V21),
        (["ocpp2.0.1, ocpp1.6"], Version.V201),
        (["soap", " ocpp1.6 "], Version.V16),
    ],
)
def test_t_005_the_first_supported_offer_is_chosen(offered, chosen):
    assert choose_subprotocol(offered, ALL) is chosen


@pytest.mark.parametrize("offered", [["ocpp1.5"], ["soap", "ocpp9"], ["OCPP1.6"], ["ocpp2.0"], ["ocpp1.6,5"]])
def test_t_006_t_008_without_a_common_version_nothing_is_chosen(offered):
    assert choose_subprotocol(offered, {Version.V201, Version.V21}, default=Version.V201) is None


def test_t_006_a_version_that_is_not_served_is_not_chosen():
    assert choose_subprotocol(["ocpp2.0.1", "ocpp1.6"], {Version.V16}) is Version.V16
    assert choose_subprotocol(["ocpp2.0.1"], {Version.V16}) is None


@pytest.mark.parametrize("offered", [[], [""], [" , "]])
def test_t_007_no_offer_at_all_gets_the_default_if_there_is_one(offered):
    assert choose_subprotocol(offered, ALL) is None
    assert choose_subprotocol(offered, ALL, default=Version.V16) is Version.V16
    assert choose_subprotocol(offered, [Version.V201], default=Version.V16) is None


@pytest.mark.parametrize("path", ["/ocpp/.", "/ocpp/..", "/ocpp/%2e%2e"])
def test_a_relative_path_is_no_identity(path):
    with pytest.raises(IdentityError, match="relative"):
        identity_from_path(path, mount="/ocpp/")
