"""Microsoft Teams, by a workflow of Power Automate that posts to a channel or chat."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from alerts.transports.base import Field, Message, Values
from alerts.transports.carrying import asset, plugins, tell
from csms.core.outbound.sending import Attempt
from csms.core.outbound.targets import Bounds, read_target
from csms.core.refusals import BadField

TEXT_MAX = 4000
HOST = re.compile(r"([a-z0-9-]+\.)+(logic\.azure\.com|api\.powerplatform\.com)")
FIELDS = (
    Field(
        "url",
        "The URL of the workflow: https://….logic.azure.com/workflows/… or https://….api.powerplatform.com/….",
        secret=True,
    ),
)


def check(values: dict[str, Any], bounds: Bounds) -> None:
    """Raise BadField for what is no URL of a workflow."""
    try:
        target = read_target(values["url"], bounds)
    except ValueError as error:
        raise BadField("url", str(error)) from error
    if not HOST.fullmatch(target.host) or target.scheme != "https" or _service(values["url"]) is None:
        raise BadField("url", "It is no URL of a workflow, as Teams shows it when one is made.")


def _service(url: str) -> Any:
    module = plugins().workflows
    given = module.NotifyWorkflows.parse_native_url(url)
    try:
        return given and module.NotifyWorkflows(**given | {"include_image": False, "asset": asset()})
    except TypeError:
        return None


def send(values: Values, message: Message, bounds: Bounds, now: datetime) -> Attempt:
    """Post a card. Its texts are Markdown, in which each sign of a stranger is escaped."""
    service = _service(values["url"])
    # Not as plain text: apprise would escape the dots of the link, too, but nothing in the title.
    text = _literal(replace(message, link="").text(TEXT_MAX)).replace("\n", "\n\n")
    link = f"\n\n[{message.link}]({message.link})" if message.link else ""
    return tell(
        service, message, bounds, title=_literal(message.title), body=f"{text}{link}", format="markdown"
    )


def _literal(text: str) -> str:
    return re.sub(r"([\\`*_\[\]()<>#~|!])", r"\\\1", text)
