"""What is made of frames that cannot be served, as each version of OCPP-J has it."""

from .errors import Fault, OcppError
from .events import CallFailed, Event, Ignored, PendingCall, Refused
from .frames import UNREADABLE_ID, MessageKind, error_text, quoted
from .versions import Version

MAX_ACTION = 64


def no_frame(version: Version) -> Fault:
    """Return the code for what is no request at all."""
    # T-054 of OCPP-J 2.x: "not a valid RPC request" has a code of its own there.
    return Fault.FORMAT if version is Version.V16 else Fault.RPC_FRAMEWORK


def refused(
    version: Version,
    message_id: str,
    action: str,
    error: OcppError,
    raw_id: str,
    kind: MessageKind | None = MessageKind.CALL,
) -> Refused:
    """Answer a frame with an error; `raw_id` is its id as JSON."""
    answer = error_text(raw_id, error, version)
    return Refused(message_id, action[:MAX_ACTION], error.code, error.description, answer, kind)


def declined(
    version: Version, text: str, message_id: str, action: str, error: OcppError, raw_id: str, send: bool
) -> Event:
    """Refuse a CALL, or ignore a SEND."""
    if send:  # OCPP-J 2.1: a SEND is never answered, not even with an error
        return Ignored(error.description, text, MessageKind.SEND, message_id, action[:MAX_ACTION])
    return refused(version, message_id, action, error, raw_id)


def broken(version: Version, description: str) -> Refused:
    """Refuse what has no id that could be read."""
    return refused(version, "", "", OcppError(no_frame(version), description), quoted(UNREADABLE_ID), None)


def unknown_kind(version: Version, text: str, read: tuple[str, str] | None) -> Event:
    """Ignore or refuse an unknown message type; `read` is its id as text and as JSON, if it has one."""
    # OCPP-J 1.6, 4.1.3: an unknown message type shall be ignored. 2.x has a code for it.
    if version is Version.V16:
        return Ignored("an unknown message type", text, None, read[0] if read else None)
    message_id, raw_id = read or ("", quoted(UNREADABLE_ID))
    error = OcppError(Fault.MESSAGE_TYPE, "an unknown message type")
    return refused(version, message_id, "", error, raw_id, None)


def unusable(version: Version, call: PendingCall, error: OcppError) -> CallFailed:
    """An answer beyond repair: the command fails, and 2.1 has a message to say so."""
    reply = ""
    if version is Version.V21:
        reply = error_text(quoted(call.message_id), error, version, MessageKind.CALLRESULTERROR)
    return CallFailed(call, error.code, "", error.description, {}, MessageKind.CALLRESULT, reply)
