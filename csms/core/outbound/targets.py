"""To whom the house sends: which URLs may be given, and which addresses behind their names may be connected to.

A URL comes from outside, so it must not become a way into the network that this house stands in: names are resolved
once, every address is looked at, and the one that was looked at is the one that is connected to.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from csms.core.config import get_config

URL_MAX = 2000  # characters
PORTS = {"https": 443, "http": 80}
MASK = "***"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What is nobody's or ours alone (IANA's registries of special addresses), beside addresses at which clouds tell
# machines their secrets. Not `is_global`: what that means changed between releases of Python.
SPECIAL_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # metadata of a cloud
        "169.254.0.0/16",  # link-local, and metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")  # beyond it are loopback, unique local, link-local and multicast
SPECIAL_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, such as Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: holds an IPv4 address
        "3fff::/20",  # documentation
    )
)
NAT64 = IPv6Network("64:ff9b::/96")

_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # the last part of a host that resolvers take for an IPv4 address


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far requests may go: plain HTTP, addresses that are otherwise refused, seconds for the whole request."""

    allow_http: bool = False
    networks: tuple[Network, ...] = ()
    deadline: float = 10


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be sent to, in its parts."""

    scheme: str
    host: str  # a name in lower case, or an address without brackets
    port: int
    path: str  # with the query

    @property
    def authority(self) -> str:
        """Return what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Return scheme, host and port: who receives."""
        return f"{self.scheme}://{self.authority}"


def shown(target: Target) -> str:
    """Return a URL as people may see it: values of the query and parts of the path that look like keys are masked."""
    path, question, query = target.path.partition("?")
    path = "/".join(MASK if _like_a_key(part) else part for part in path.split("/"))
    query = "&".join(
        f"{name}={MASK}" if "=" in pair else MASK
        for pair in query.split("&")
        for name in [pair.split("=")[0]]
    )
    return f"{target.origin}{path}{question}{query if question else ''}"


def _like_a_key(part: str) -> bool:
    return (
        len(part) >= 16 and re.search("[0-9]", part) is not None and re.search("[A-Za-z]", part) is not None
    )


def bounds_now() -> Bounds:
    """Return the bounds that the settings draw."""
    config = get_config()
    return Bounds(
        allow_http=config.outbound_allow_http,
        networks=tuple(ip_network(text) for text in config.outbound_networks),
        deadline=config.outbound_deadline,
    )


def read_target(url: str, bounds: Bounds) -> Target:
    """Return the parts of a URL that may be sent to. Raises ValueError with a sentence for any other.

    Nothing is resolved here: a name is looked at again, with its addresses, whenever something is sent.
    """
    if len(url) > URL_MAX or not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise ValueError(f"It is no URL of at most {URL_MAX} printable ASCII characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("It is no URL.") from None
    if parts.scheme not in PORTS or not host:
        raise ValueError("It is no https:// URL with a host.")
    if parts.scheme == "http" and not bounds.allow_http:
        raise ValueError("It begins with http://, which this server does not send to: give an https:// URL.")
    if "@" in parts.netloc:
        raise ValueError("It has a user or a password, which would be seen: the signature shows who sends.")
    if parts.fragment:
        raise ValueError("It has a fragment (#…), which is never sent.")
    if port == 0:
        raise ValueError("It has no port from 1 to 65535.")
    host = read_host(host, bounds, is_address="[" in parts.netloc)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path)


def read_host(host: str, bounds: Bounds, *, is_address: bool = False) -> str:
    """Return a host in lower case that may be sent to, as `read_target` reads it. Raises ValueError with a sentence."""
    address = _address(host.lower(), bracketed=is_address or ":" in host)
    if address is not None and (why := why_refused(address, bounds.networks)):
        raise ValueError(why)
    return str(address) if address is not None and ":" in host else host.lower()


def _address(host: str, *, bracketed: bool) -> Address | None:
    """Return the address that a host stands for by itself, None for a name. Raises ValueError for what is neither."""
    if bracketed or _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            # Of the forms that resolvers take (2130706433, 0177.1, 0x7f.1) only the usual one is read.
            address = ip_address(host)
        except ValueError:
            raise ValueError("Its host is no address in the usual form.") from None
        if isinstance(address, IPv6Address) and address.scope_id:
            raise ValueError("Its host is an address that only one machine knows.")
        return address
    if not _NAME.fullmatch(host):
        raise ValueError("Its host is no name; international names are written as xn--….")
    # RFC 6761, 6.3: this machine, whatever a name server says.
    return IPv4Address("127.0.0.1") if host.rpartition(".")[2] == "localhost" else None


def why_refused(address: Address, networks: Iterable[Network] = ()) -> str | None:
    """Return why nothing is sent to an address, None when it may; `networks` may, whatever they are."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return why_refused(address.ipv4_mapped, networks)
        if address in NAT64:
            return why_refused(IPv4Address(int(address) & 0xFFFFFFFF), networks)
    if any(address in network for network in networks):
        return None
    if isinstance(address, IPv4Address):
        special = any(address in network for network in SPECIAL_V4)
    else:
        special = address not in GLOBAL_V6 or any(address in network for network in SPECIAL_V6)
    return (
        "Its host is an address inside a network, and this server sends only to public ones."
        if special
        else None
    )
