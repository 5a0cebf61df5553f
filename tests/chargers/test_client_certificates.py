"""What the proxy says of a client certificate: whose it is, and until when it is valid (T-034, T-036)."""

from datetime import UTC, datetime

import pytest

from chargers.client_certificates import Shown, WrongCertificate, certified
from tests.support.house import settings_are

BOTH = {
    "CSMS_CLIENT_CERTIFICATE_HEADER": "X-Client-Subject",
    "CSMS_CLIENT_CERTIFICATE_END_HEADER": "X-Client-End",
}
END = datetime(2026, 11, 2, 3, 33, 7, tzinfo=UTC)


def shown(end: str | None, **settings: str) -> Shown:
    headers = {b"x-client-subject": b"CN=CS201"}
    if end is not None:
        headers[b"x-client-end"] = end.encode()
    with settings_are(**(BOTH | settings)):
        return certified(headers, over_tls=True, names=("CS201",))


@pytest.mark.parametrize(
    "end", ["Nov  2 03:33:07 2026 GMT", "261102033307Z", "20261102033307Z", "2026-11-02T03:33:07Z"]
)
def test_its_end_is_read_as_proxies_write_it(end: str):
    found = shown(end)
    assert found == Shown(("CS201",), END)
    assert not found.has_ended(END.replace(second=6))
    assert found.has_ended(END), "at its last moment it is over"


@pytest.mark.parametrize(
    "end", [None, "", "never", "261302033307Z", "Nov 31 03:33:07 2026 GMT", "0", "²" * 13]
)
def test_whose_end_cannot_be_read_is_refused(end: str | None):
    with pytest.raises(WrongCertificate, match="does not say when"):
        shown(end)


def test_where_the_proxy_lets_in_only_valid_ones_it_need_not_say():
    found = shown("Jan  1 00:00:00 1999 GMT", CSMS_CLIENT_CERTIFICATE_END_HEADER="")
    assert found == Shown(("CS201",), None)
    assert not found.has_ended(END)
