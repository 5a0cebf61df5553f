"""Translations in templates are Django's, in each reader's language, however often a template is drawn."""

import pytest
from django.template import Context, Engine, engines
from django.utils.translation import override

from console.template_engine import Templates
from console.templatetags import quick_i18n

TEXTS = (
    '{% translate "Online" %}',
    "{% trans 'Dashboard' %}",
    '{% translate "Online" as found %}[{{ found }}]',
    '{% translate "<b> & 100%" %}',
    '{% translate "<b>" as found %}[{{ found }}]',
    '{% translate "Online" noop %}',
    '{% translate "Online"|upper %}',
    '{% translate "May" context "month" %}',
    "{% translate word %}",
    "{% translate hostile %}",
    '{% translate _("Online") %}',
    "{% blocktranslate %}Theme: {{ word }}{% endblocktranslate %}",
)


@pytest.mark.parametrize("text", TEXTS)
def test_they_are_those_of_django(text: str) -> None:
    quick = Engine(libraries={"i18n": quick_i18n.__name__}).from_string("{% load i18n %}" + text)
    plain = Engine(libraries={"i18n": "django.templatetags.i18n"}).from_string("{% load i18n %}" + text)
    for language in ("en", "de", "en", None, "de"):
        for word in ("Online", "Charge points"):
            values = {"word": word, "hostile": "<script>"}
            with override(language):
                assert quick.render(Context(values)) == plain.render(Context(values))


def test_languages_do_not_mix() -> None:
    page = Engine(libraries={"i18n": quick_i18n.__name__}).from_string(
        '{% load i18n %}{% translate "Charge points" %}'
    )
    said = []
    for language in ("de", "en", "de"):
        with override(language):
            said.append(page.render(Context()))
    assert said == ["Ladestationen", "Charge points", "Ladestationen"]


def test_templates_of_the_house_have_them() -> None:
    engine = engines["django"]
    assert isinstance(engine, Templates)
    assert engine.engine.libraries["i18n"] == quick_i18n.__name__
    assert engine.check() == []
