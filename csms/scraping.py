"""Lets /metrics be read at the address of this very server, as the discovery of services names it.

CSMS_ALLOWED_HOSTS has the names that browsers use; who scrapes finds servers by address, each by itself. A request
whose Host is the address at which it arrived comes by no stranger's name that leads here, so it is as good as a name.
"""

from typing import Any

from django.conf import settings

PATH = "/metrics"


def at_home(scope: dict[str, Any]) -> dict[str, Any]:
    """Return the scope of a request for /metrics, under a name that is allowed if it came to our own address."""
    name = next((name.removeprefix(".") for name in settings.ALLOWED_HOSTS if name != "*"), "")
    server = scope.get("server")
    if not name or not server:
        return scope
    address = f"[{server[0]}]" if ":" in str(server[0]) else str(server[0])
    own = {address.encode(), f"{address}:{server[1]}".encode()}
    headers = [
        (key, name.encode() if key == b"host" and value in own else value) for key, value in scope["headers"]
    ]
    return scope | {"headers": headers}
