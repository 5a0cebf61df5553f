"""What is posted to an endpoint: an event in its JSON form, as Standard Webhooks has bodies and signatures."""

from dataclasses import dataclass
from datetime import datetime

import orjson
from prometheus_client import Counter, Histogram

from csms.core.events.envelope import Envelope, milliseconds
from csms.core.outbound.sending import BUCKETS, Attempt, post
from csms.core.outbound.signing import read_secret, signed_headers
from csms.core.outbound.targets import Bounds, Target, bounds_now, read_target
from csms.core.sealing import unseal
from csms.core.webhooks.models import Endpoint

ATTEMPTS = Counter(
    "csms_webhook_attempts_total", "Attempts to post events to webhooks, by what became.", ["outcome"]
)
SECONDS = Histogram(
    "csms_webhook_seconds", "Time that receivers of webhooks took, from name to answer.", buckets=BUCKETS
)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is posted."""

    target: Target
    headers: dict[str, str]
    body: bytes
    bounds: Bounds

    def post(self) -> Attempt:
        """Post it and return what became of it. Asks the database for nothing."""
        made = post(self.target, self.body, self.headers, bounds=self.bounds)
        SECONDS.observe(made.latency)
        return made


def write(endpoint: Endpoint, event: Envelope, *, now: datetime) -> Letter:
    """Return what is posted of an event. Raises ValueError, with a sentence, if nothing may be."""
    bounds = bounds_now()
    target = read_target(unseal(endpoint.sealed)["url"], bounds)
    body = orjson.dumps(
        {"type": event.type, "timestamp": milliseconds(event.occurred_at), "data": event.as_dict()}
    )
    headers = signed_headers(str(event.id), body, signing_secrets(endpoint, now=now), now=now)
    return Letter(target, headers, body, bounds)


def signing_secrets(endpoint: Endpoint, *, now: datetime) -> list[bytes]:
    """Return the secrets that sign: the current one, and an older one that is still valid."""
    sealed = [endpoint.secret]
    if endpoint.older_signs_until is not None and now < endpoint.older_signs_until:
        sealed.append(endpoint.older_secret)
    return [read_secret(unseal(text)["secret"]) for text in sealed]
