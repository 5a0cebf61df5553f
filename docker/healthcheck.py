"""Exit status 0 when the server of this container answers /healthz; one line on stderr and 1 when it does not."""

import os
import sys
import urllib.request

EVERY_INTERFACE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def request() -> urllib.request.Request:
    """The request that the server cannot refuse: at its own address, under a name that it allows."""
    address = os.environ.get("CSMS_HOST", "")
    address = EVERY_INTERFACE.get(address, address)
    if ":" in address:
        address = f"[{address}]"
    allowed = os.environ.get("CSMS_ALLOWED_HOSTS", "").split(",")[0].strip().removeprefix(".")
    name = address if allowed in ("", "*") else allowed
    port = os.environ.get("CSMS_PORT") or "8000"
    return urllib.request.Request(f"http://{address}:{port}/healthz", headers={"Host": name})


try:
    # No proxy: HTTP_PROXY is for the world outside.
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request(), timeout=4).close()
except OSError as error:
    sys.exit(f"not healthy: {error}")
