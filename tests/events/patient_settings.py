"""The settings of a server that does not give up who takes nothing for a while."""

from csms.settings import *  # noqa: F403
from csms.settings import INSTALLED_APPS as APPS

INSTALLED_APPS = [*APPS, "tests.events.patience.Patience"]
