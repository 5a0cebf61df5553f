"""What is answered, and in which versions of OCPP."""

from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from chargers.handling import Handler
from chargers.protocol.versions import Version
from csms.core.config import get_config


def handlers() -> dict[Version, dict[str, Handler]]:
    """Return the handlers of each version; named in the settings, since they live in rooms above this one."""
    return cast(dict[Version, dict[str, Handler]], import_string(settings.OCPP_CALLS))


def served() -> list[Version]:
    """Return the versions that are spoken: those that have handlers and that the settings name."""
    named = get_config().ocpp_versions
    return [version for version in handlers() if version.value in named]
