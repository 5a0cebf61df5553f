"""What the whole fleet has done so far, counted in one place, and what its user ought to be told once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counters shared by all chargers of a fleet; one event loop, so no locks."""

    say: Callable[[str], None]
    connections: int = 0  # handshakes that succeeded
    connected: int = 0  # open at this moment
    most_connected: int = 0
    frames_out: int = 0
    frames_in: int = 0
    calls_answered: int = 0
    call_errors: int = 0  # CALLERRORs received
    timeouts: int = 0
    strays: int = 0  # frames that answer nothing we asked, or that are not OCPP
    dropped: int = 0  # transaction messages given up after their last attempt
    commands: int = 0  # CALLs received from the server
    boots: int = 0  # registrations accepted
    started: int = 0  # transactions
    stopped: int = 0
    meter_values: int = 0  # MeterValues acknowledged
    energy_wh: int = 0  # of the transactions stopped
    refusals: Counter[str] = field(default_factory=Counter)  # refused or failed handshakes by reason
    errors: Counter[str] = field(default_factory=Counter)  # CALLERROR codes by action
    crashes: list[str] = field(default_factory=list)  # chargers that broke: faults of the simulator itself
    _said: set[str] = field(default_factory=set)

    def opened(self) -> None:
        self.connections += 1
        self.connected += 1
        self.most_connected = max(self.most_connected, self.connected)

    def say_once(self, key: str, text: str) -> None:
        """Tell the user, unless something under the same key was said before."""
        if key not in self._said:
            self._said.add(key)
            self.say(text)
