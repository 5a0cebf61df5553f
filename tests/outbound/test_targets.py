"""Which URLs may be given, and which addresses are never connected to."""

from ipaddress import ip_address, ip_network

import pytest

from csms.core.outbound.targets import Bounds, read_target, why_refused
from tests.support.house import settings_are

STRICT = Bounds()
PLAIN = Bounds(allow_http=True)


def test_a_url_is_read_in_its_parts() -> None:
    target = read_target("https://Backend.Example:8443/hooks/csms?key=1&x=%20", STRICT)
    assert (target.host, target.port, target.path) == ("backend.example", 8443, "/hooks/csms?key=1&x=%20")
    assert target.origin == "https://backend.example:8443"
    assert read_target("https://backend.example", STRICT).path == "/"
    assert read_target("https://backend.example:443/", STRICT).authority == "backend.example"
    assert read_target("https://[2606:4700::1111]/", STRICT).authority == "[2606:4700::1111]"
    assert read_target("https://8.8.8.8/", STRICT).host == "8.8.8.8"
    assert read_target("https://localhost/", Bounds(networks=(ip_network("127.0.0.1"),))).host == "localhost"
    assert read_target("https://localhost.example/", STRICT).host == "localhost.example"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "backend.example/hook",
        "//backend.example/hook",
        "ftp://backend.example/",
        "file:///etc/passwd",
        "gopher://backend.example/",
        "https:///hook",
        "https://",
        "https://alice@backend.example/",
        "https://alice:secret@backend.example/",
        "https://@backend.example/",
        "https://backend.example@127.0.0.1/",
        "https://backend.example/#part",
        "https://backend.example:0/",
        "https://backend.example:65536/",
        "https://backend.example:port/",
        "https://back end.example/",
        "https://backend.example/a b",
        "https://backend.example/\r\nHost: other",
        "https://backend.example\\@127.0.0.1/",
        "https://bäckend.example/",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://backend..example/",
        "https://" + "b" * 64 + ".example/",
        "https://-backend.example/",
        "https://%31%32%37.0.0.1/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://[2606:4700::1111%eth0]/",
        "https://[backend.example]/",
        "https://backend.example/" + "x" * 2000,
    ],
)
def test_what_is_no_url_to_post_to_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"^It.*\.$"):
        read_target(url, PLAIN)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "csms.localhost",
        "127.0.0.1",
        "127.1",
        "127.0.0.01",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0177.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "10.1.2.3",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "1.2.3.4.5",
        "256.1.1.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:10.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::169.254.169.254]",
        "[2002:7f00:1::]",
        "[2001:0:0:0:0:0:0:1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[2001:db8::1]",
    ],
)
def test_addresses_inside_are_refused_however_they_are_written(host: str) -> None:
    with pytest.raises(ValueError, match="Its host is"):
        read_target(f"https://{host}/hook", STRICT)


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_not(text: str) -> None:
    assert why_refused(ip_address(text)) is None


def test_an_allowed_network_is_open_and_no_other() -> None:
    networks = (ip_network("10.20.0.0/16"), ip_network("fd00:1::/64"))
    assert why_refused(ip_address("10.20.3.4"), networks) is None
    assert why_refused(ip_address("::ffff:10.20.3.4"), networks) is None
    assert why_refused(ip_address("fd00:1::9"), networks) is None
    assert why_refused(ip_address("10.21.3.4"), networks)
    assert why_refused(ip_address("127.0.0.1"), networks)


def test_plain_http_must_be_allowed() -> None:
    with pytest.raises(ValueError, match="https://"):
        read_target("http://backend.example/", STRICT)
    assert read_target("http://backend.example/", PLAIN).port == 80


def test_the_settings_draw_the_bounds() -> None:
    from csms.core.outbound.targets import bounds_now

    assert bounds_now() == Bounds()
    with settings_are(
        CSMS_OUTBOUND_ALLOW_HTTP="true",
        CSMS_OUTBOUND_NETWORKS="127.0.0.0/8, ::1",
        CSMS_OUTBOUND_DEADLINE="3",
    ):
        assert bounds_now() == Bounds(True, (ip_network("127.0.0.0/8"), ip_network("::1")), 3)
