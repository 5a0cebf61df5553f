"""What ties together everything that follows from one message or request: a trace id of 32 hexadecimal digits.

It is that of the caller (W3C Trace Context) where there is one; what a charge point causes has the id of the frame in
the log of messages, so an event leads to the words that were said.
"""

from contextvars import ContextVar

_trace: ContextVar[str] = ContextVar("trace", default="")


def current_trace() -> str:
    """Return the trace id of what is being worked on; empty where nothing has begun one."""
    return _trace.get()


def begin_trace(trace_id: str) -> None:
    """Let what follows in this context belong to a trace; a UUID may be given as text. Empty ends it."""
    _trace.set(trace_id.replace("-", ""))
