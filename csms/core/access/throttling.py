"""How often a caller may ask: each token and each person by a rate of their own, strangers by their address."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import TYPE_CHECKING

from prometheus_client import Counter
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from csms.core.access.buckets import take
from csms.core.access.models import ApiToken
from csms.core.config import get_config

if TYPE_CHECKING:  # DRF's views import the classes of this module
    from rest_framework.views import APIView

LIMITED = Counter(
    "csms_api_requests_limited_total",
    "Requests that were answered 429, by who asked: token, person or stranger.",
    ["caller"],
)
for _caller in ("token", "person", "stranger"):
    LIMITED.labels(_caller)  # is 0 from the beginning, not absent


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests a minute, and how many of them may come at once."""

    rate: int
    burst: int


def limit_of(token: ApiToken | None) -> Limit | None:
    """Return the limit of a token, or of a person (None); None where there is none."""
    config = get_config()
    rate = config.api_rate if token is None or token.rate is None else token.rate
    return Limit(rate, min(config.api_burst, rate)) if rate else None


class CallerRate(BaseThrottle):
    """Refuses a caller who asks too often. Whoever is nobody is bounded by `note_stranger()`."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Return whether the request may go on; the answer says how many more may."""
        caller = getattr(request.user, "caller", None)
        if caller is None:
            note_stranger(request)
            return True
        token = request.auth if isinstance(request.auth, ApiToken) else None
        limit = limit_of(token)
        if limit is None:
            return True
        taken = take(caller.replace(" ", ":"), rate=limit.rate, burst=limit.burst)
        # draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it.
        view.headers["RateLimit-Policy"] = f'"caller";q={limit.burst};w={ceil(60 * limit.burst / limit.rate)}'
        view.headers["RateLimit"] = f'"caller";r={taken.remaining};t={ceil(taken.full_in)}'
        if taken.refused:
            LIMITED.labels("person" if token is None else "token").inc()
            raise Throttled(taken.wait, f"this caller may ask {limit.rate} times a minute.")
        return True


def note_stranger(request: Request) -> None:
    """Count a request with no good token against its address. Raises Throttled when there were too many.

    Only requests that are refused anyway come here: however many there were, a good token behind the same address is
    still let in.
    """
    rate = get_config().api_wrong_tokens
    if not rate:
        return
    taken = take(f"stranger:{_network(request.META.get('REMOTE_ADDR', ''))}", rate=rate, burst=rate)
    if taken.refused:
        LIMITED.labels("stranger").inc()
        raise Throttled(taken.wait, f"this address may ask {rate} times a minute without a good token.")


def _network(address: str) -> str:
    """Return the address, or the /64 of one of IPv6: whoever has one address of it has them all."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((int(parsed), 64), strict=False).network_address)
