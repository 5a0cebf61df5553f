"""An application for servers of tests: whoever follows may take his time, since a busy machine makes anybody slow."""

from django.apps import AppConfig


class Patience(AppConfig):
    name = "tests.events"
    label = "patience"

    def ready(self) -> None:
        from csms.core.events import stream

        stream.STALL = 3600.0
