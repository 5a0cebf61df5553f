"""In which language a person reads the console: as chosen in the menu, else as the browser asks; the API stays English.

Texts are English in code and templates, marked for gettext. What rooms below say of themselves (labels of choices, the
catalogue of commands) is plain English there, collected by `spoken` and translated where shown, by `console.words.say`.
"""

from collections.abc import Iterator

from django.apps import apps
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware

from alerts.external.services import WOULD
from alerts.rules.selectors import ABOUT
from alerts.transports.table import TRANSPORTS
from chargers.commands.sending import catalogue
from chargers.provisioning.steps import OUTCOMES, STEPS
from console import alert_words, outgoing_words, state_words, words
from console.pages import REFUSALS
from transactions.models import ANOMALIES

PLAIN = ("/api/", "/healthz", "/readyz", "/metrics", "/static/", "/ocpp/", "/admin/")


class Languages(LocaleMiddleware):
    """Django's choice of a language for people's pages; machines are answered in English whatever they accept."""

    def process_request(self, request: HttpRequest) -> None:
        if not request.path_info.startswith(PLAIN):
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info.startswith(PLAIN):
            return response
        return super().process_response(request, response)


# --- what the rooms say -------------------------------------------------------------------------------------------


def spoken() -> Iterator[tuple[str, str]]:
    """Yield each text that rooms say and pages show, with where it comes from."""
    yield from _choices()
    yield from _commands()
    yield from ((text, "anomalies") for text in ANOMALIES.values())
    yield from _alerting()
    for module in (words, outgoing_words, alert_words):
        for name, table in vars(module).items():
            if name.isupper():
                yield from ((text, f"{module.__name__} {name}") for text in _texts(table))
    yield from (
        (text, "provisioning") for text in (*OUTCOMES.values(), *(one.title for one in STEPS.values()))
    )
    yield from ((text, "refusals") for text in REFUSALS.values())
    yield from ((text, f"without {name}") for name, text in WOULD.items())
    for name, choices in state_words.FAMILIES.items():
        yield from ((str(label), f"state {name}") for label in choices.labels)


def _choices() -> Iterator[tuple[str, str]]:
    for model in apps.get_models():
        if model.__module__.split(".")[0] in ("csms", "chargers", "transactions", "alerts"):
            for field in model._meta.get_fields():
                for _value, label in getattr(field, "flatchoices", ()) or ():
                    yield str(label), f"{model._meta.label}.{field.name}"


def _texts(table: object) -> Iterator[str]:
    """Yield what a table of words says, however deep."""
    if isinstance(table, dict):
        for value in table.values():
            yield from _texts(value)
    elif isinstance(table, words.Word):
        yield from filter(None, (table.english, table.english_meaning))
    elif isinstance(table, words.Explanation):
        yield from filter(None, (table.english_means, table.english_do))
    elif isinstance(table, str):
        yield table


def _commands() -> Iterator[tuple[str, str]]:
    for entry in catalogue().values():
        texts = [entry.title, entry.effect, entry.danger]
        for name, field in entry.params.model_fields.items():
            texts += [field.title or name.replace("_", " ").capitalize(), field.description or ""]
        for text in texts:
            if text:
                yield text, f"command {entry.slug}"


def _alerting() -> Iterator[tuple[str, str]]:
    for about in ABOUT.values():
        yield about.title, f"alerts {about.slug}"
        yield from ((param.title, f"alerts {about.slug}") for param in about.params if param.title)
    for transport in TRANSPORTS.values():
        yield transport.title, f"channel {transport.kind}"
        for field in transport.fields:
            yield field.about.replace("`", ""), f"channel {transport.kind}"
    yield from ((text, "servers") for text in WOULD.values())
