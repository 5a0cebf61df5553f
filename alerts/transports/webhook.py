"""A webhook: the alerts as JSON, signed by Standard Webhooks as all that we post."""

from datetime import datetime
from typing import Any

import orjson

from alerts.transports.base import Field, Message, Values
from csms.core.api_data import moment
from csms.core.outbound.sending import Attempt, post
from csms.core.outbound.signing import new_secret, read_secret, signed_headers
from csms.core.outbound.targets import Bounds, read_target, shown
from csms.core.refusals import BadField

NEVER, UNSIGNED, OPEN = "never", "unsigned", "open"
FIELDS = (
    Field("url", "Where to post: an https:// URL.", secret=True),
    Field(
        "signing_secret",
        "Signs what is posted: `whsec_` and 24 to 64 bytes in base64. Empty for a new channel: one is made, and shown "
        "once.",
        secret=True,
        required=False,
    ),
    Field(
        "alertmanager",
        "Whether Alertmanager may post there, too, which cannot sign: `unsigned` lets it, with the URL in a file, as "
        "it can from 0.26 on; `open` lets an older one, with the URL in its configuration, which its API shows.",
        required=False,
        default=NEVER,
        choices=(NEVER, UNSIGNED, OPEN),
    ),
)
SECRET_BYTES = range(24, 65)  # as Standard Webhooks has it


def check(values: dict[str, Any], bounds: Bounds) -> None:
    """Raise BadField for a URL to which nothing would be posted; make a secret where there is none."""
    try:
        read_target(values["url"], bounds)
    except ValueError as error:
        raise BadField("url", str(error)) from error
    secret = values["signing_secret"] = values["signing_secret"] or new_secret()
    try:
        if not secret.startswith("whsec_") or len(read_secret(secret)) not in SECRET_BYTES:
            raise ValueError(secret)
    except ValueError:
        raise BadField("signing_secret", "It is not `whsec_` and 24 to 64 bytes in base64.") from None


def shown_url(values: Values) -> dict[str, str]:
    """Return the URL without what looks like a key."""
    try:
        # With any network: it is shown, not sent to.
        return {"url": shown(read_target(values["url"], Bounds(allow_http=True)))}
    except ValueError:
        return {}


def send(values: Values, message: Message, bounds: Bounds, now: datetime) -> Attempt:
    """Post a message under an id that is the same in every attempt."""
    try:
        target = read_target(values["url"], bounds)
    except ValueError as error:
        return Attempt(error=str(error), permanent=True)
    body = orjson.dumps(
        {"type": f"alert.{message.kind}", "timestamp": moment(now), "data": dict(message.data)}
    )
    secret = read_secret(values["signing_secret"])
    return post(target, body, signed_headers(f"msg_{message.id.hex}", body, [secret], now=now), bounds=bounds)
