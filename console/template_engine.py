"""The engine of the house's templates: Django's, with a quicker library for translations under the name of Django's."""

from typing import Any

from django.core.checks import CheckMessage
from django.template.backends.django import DjangoTemplates

from console.templatetags import quick_i18n


class Templates(DjangoTemplates):
    """Every `{% load i18n %}` gets `quick_i18n`, those of packages too."""

    def get_templatetag_libraries(self, custom_libraries: dict[str, str]) -> dict[str, Any]:
        """Return the modules of tags by their names."""
        return super().get_templatetag_libraries(custom_libraries) | {"i18n": quick_i18n.__name__}

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return what is wrong: not that this one name is taken twice, which is meant; any other is an accident."""
        ours = f"'i18n' is used for multiple template tag modules: '{quick_i18n.__name__}'"
        return [found for found in super().check(**kwargs) if not found.msg.startswith(ours)]
