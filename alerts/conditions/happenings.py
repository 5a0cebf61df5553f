"""What can happen: edges in the stream of events. Pure functions of a fact, the last word before it, and parameters.

The last word of a subject is kept, so that a status that is said again is no edge, also across restarts. What a charge
point tells an hour late says what is, and no longer that it has just happened.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from alerts.conditions.devices import device_problem
from alerts.conditions.words import (
    at_outlet,
    mark,
    outlet_of,
    outlet_subject,
    said,
    where,
    whole_number,
)
from alerts.finding import HOLD, Fact, Found, Happening, Outlet, Param, Params, Word
from alerts.models import TEXT_MAX
from chargers.connections import CLOSE_REPLACED
from chargers.models import ConnectorStatus, Registration
from chargers.security_events.known import known_event

LATE = timedelta(hours=1)
WORD_MAX = 100

NOWHERE = Outlet()

Edge = Callable[[Fact, str | None, Params], Found | None]


def _found(subject: str, fact: Fact, text: str, outlet: Outlet = NOWHERE) -> Found:
    return Found(subject, fact.at, text[:TEXT_MAX], fact.charge_point_id, *outlet)


def _who(fact: Fact) -> str:
    return where(fact.cp_id, fact.name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _late(fact: Fact, *times: str) -> bool:
    """Return whether it happened long before it was told, by the times of its payload that are there.

    Those are by the charge point's clock, so nothing follows from them until it is known how far that is off.
    """
    if fact.clock_skew is None:
        return False
    for name in times:
        try:
            at = datetime.fromisoformat(_text(fact.payload.get(name)))
        except ValueError:
            continue
        if at.tzinfo is not None and fact.at - (at - fact.clock_skew) > LATE:
            return True
    return False


# --- connections ------------------------------------------------------------------------------------------------------

CONNECTED, DISCONNECTED = "connected", "disconnected"


def _line_word(fact: Fact) -> Word | None:
    if fact.type == "cp.disconnected" and fact.payload.get("code") == CLOSE_REPLACED:
        return None  # it is there by a newer connection
    word = CONNECTED if fact.type == "cp.connected" else DISCONNECTED
    return Word(f"line:{fact.cp_id}", word)


def _line(wanted: str) -> Happening:
    def edge(fact: Fact, before: str | None, params: Params) -> Found | None:
        word = _line_word(fact)
        if word is None or word.word != wanted or before == wanted:
            return None
        text = f"{_who(fact)} has {wanted}"
        if wanted == DISCONNECTED and (why := said(_text(fact.payload.get("reason")))):
            text += f": {why}"
        return _found(f"charge-point:{fact.cp_id}", fact, f"{text}.")

    def over(fact: Fact, params: Params) -> str | None:
        word = _line_word(fact)
        return f"charge-point:{fact.cp_id}" if word is not None and word.word != wanted else None

    title = f"A charge point has {wanted}"
    return Happening(
        f"charge-point-{wanted}", title, ("cp.connected", "cp.disconnected"), edge, word=_line_word, over=over
    )


# --- states of stations and connectors --------------------------------------------------------------------------------

OCCUPIED = "Occupied"  # 2.x: somebody is there; what it does is told of the transaction
TAKEN = frozenset({OCCUPIED, *("Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing")})
CHARGING_STATES = {
    "EVConnected": ConnectorStatus.PREPARING.value
}  # 2.x, of a transaction; the others are as in 1.6
STATION = ("Available", "Unavailable", "Faulted")
_WORDS = {word.casefold(): word for word in (*ConnectorStatus.values, OCCUPIED)}


def _status(fact: Fact) -> tuple[Outlet, str] | None:
    """Return of which outlet a fact says what; None if it says nothing of how one is now."""
    payload = fact.payload
    if fact.type == "cp.status":
        if payload.get("current") is False:
            return None  # older than what is known
        status = _text(payload.get("status")).strip()
    elif payload.get("reason") == "charging_state":
        status = _text(payload.get("charging_state")).strip()
        status = CHARGING_STATES.get(status, status)
    else:
        return None
    outlet = outlet_of(fact)
    if outlet.connector_number is None or not status:
        return None
    return outlet, _WORDS.get(status.casefold(), mark(status, WORD_MAX))


def _status_word(fact: Fact) -> Word | None:
    told = _status(fact)
    return Word(f"status:{fact.cp_id}/{told[0].connector_number}", told[1]) if told is not None else None


def _is(status: str, wanted: str) -> bool:
    """Return whether a status is the wanted one; who is there and does nothing that is told, prepares."""
    return status == wanted or (status == OCCUPIED and wanted == "Preparing")


def _state(slug: str, wanted: str, *, station: bool) -> Happening:
    def ours(outlet: Outlet) -> bool:
        return (outlet.connector_number == 0) is station

    def edge(fact: Fact, before: str | None, params: Params) -> Found | None:
        told = _status(fact)
        if told is None or not ours(told[0]) or not _is(told[1], wanted):
            return None
        outlet, status = told
        if before == status or (before is not None and _is(before, wanted)):
            return None
        if status == OCCUPIED and before in TAKEN:
            return None  # it says less than what is known
        if _late(fact, "charger_reported_at"):
            return None
        text = f"{at_outlet(fact.cp_id, fact.name, outlet)} is now {wanted}"
        words = (_text(fact.payload.get(name)) for name in ("error_code", "vendor_error_code", "info"))
        why = ", ".join(said(word) for word in words if word and word != "NoError")
        text = f"{text}: {why}" if why else f"{text}."
        return _found(outlet_subject(fact.cp_id, outlet), fact, text, outlet)

    def over(fact: Fact, params: Params) -> str | None:
        told = _status(fact)
        if told is None or not ours(told[0]) or _is(told[1], wanted):
            return None
        return outlet_subject(fact.cp_id, told[0])

    whose = "A station" if station else "A connector"
    types = ("cp.status",) if station else ("cp.status", "tx.updated")
    return Happening(slug, f"{whose} has become {wanted}", types, edge, word=_status_word, over=over)


def _states() -> Iterator[Happening]:
    for status in STATION:
        yield _state(f"station-{status.lower()}", status, station=True)
    for status in ConnectorStatus.values:
        slug = {"SuspendedEVSE": "suspended-evse", "SuspendedEV": "suspended-ev"}.get(status, status.lower())
        yield _state(f"connector-{slug}", status, station=False)


# --- transactions -----------------------------------------------------------------------------------------------------


def _session(fact: Fact) -> str:
    return f"session:{fact.cp_id}/{mark(_text(fact.payload.get('transaction_id')), 64)}"


def _session_word(fact: Fact) -> Word | None:
    # A start that was lost may come after the end; the end is the last word of a session all the same.
    return Word(_session(fact), "started" if fact.type == "tx.started" else "stopped")


def _session_text(fact: Fact, verb: str) -> str:
    outlet = outlet_of(fact)
    at = _who(fact) if outlet == NOWHERE else at_outlet(fact.cp_id, fact.name, outlet)
    return f"Transaction {said(_text(fact.payload.get('transaction_id')))} has {verb}: {at}"


def _started(fact: Fact, before: str | None, params: Params) -> Found | None:
    if fact.type != "tx.started" or before is not None or _late(fact, "started_at", "charger_reported_at"):
        return None
    text = f"{_session_text(fact, 'started')}."
    return _found(_session(fact), fact, text, outlet_of(fact))


def _stopped(fact: Fact, before: str | None, params: Params) -> Found | None:
    if fact.type != "tx.stopped" or before == "stopped" or _late(fact, "stopped_at", "charger_reported_at"):
        return None
    text = _session_text(fact, "stopped")
    if (energy := whole_number(fact.payload.get("consumed_wh"))) is not None:
        text += f", {energy} Wh"
    if reason := said(_text(fact.payload.get("stop_reason"))):
        text += f", {reason}"
    return _found(_session(fact), fact, f"{text}.", outlet_of(fact))


def _over_by_stop(fact: Fact, params: Params) -> str | None:
    return _session(fact) if fact.type == "tx.stopped" else None


# --- boots, firmware, security, commands, passwords -------------------------------------------------------------------


def _boot(fact: Fact, before: str | None, params: Params) -> Found | None:
    if fact.payload.get("status") != Registration.ACCEPTED:
        return None
    what = " ".join(
        said(_text(fact.payload.get(name)), 40) for name in ("vendor", "model", "firmware_version")
    )
    return _found(f"charge-point:{fact.cp_id}", fact, f"{_who(fact)} has booted: {what}.")


def _registration_word(fact: Fact) -> Word | None:
    return Word(f"registration:{fact.cp_id}", mark(_text(fact.payload.get("status")), WORD_MAX))


def _new_device(fact: Fact, before: str | None, params: Params) -> Found | None:
    if fact.payload.get("status") != Registration.PENDING or before == Registration.PENDING:
        return None
    if fact.approved:
        return None  # it is set up first, and waits for nobody
    what = " ".join(said(_text(fact.payload.get(name)), 40) for name in ("vendor", "model", "serial_number"))
    return _found(f"charge-point:{fact.cp_id}", fact, f"{_who(fact)} waits for approval: {what}.")


def _over_by_decision(fact: Fact, params: Params) -> str | None:
    waits = fact.payload.get("status") == Registration.PENDING
    return None if waits else f"charge-point:{fact.cp_id}"


FAILED_STATES = ("failed", "refused", "lost")


def _job_word(kind: str) -> Callable[[Fact], Word | None]:
    def word(fact: Fact) -> Word | None:
        job, state = _text(fact.payload.get("job_id")), _text(fact.payload.get("state"))
        return Word(f"{kind}:{mark(job, 64)}", mark(state, WORD_MAX)) if job and state else None

    return word


def _job_failed(kind: str, what: str) -> Edge:
    word_of = _job_word(kind)

    def edge(fact: Fact, before: str | None, params: Params) -> Found | None:
        word = word_of(fact)
        if word is None or word.word not in FAILED_STATES or before in FAILED_STATES:
            return None
        words = (_text(fact.payload.get(name)) for name in ("status", "detail"))
        why = ", ".join(said(word) for word in words if word)
        return _found(f"{kind}:{fact.cp_id}", fact, f"{what} of {_who(fact)} has failed: {why}")

    return edge


def _job_over(kind: str) -> Callable[[Fact, Params], str | None]:
    def over(fact: Fact, params: Params) -> str | None:
        return f"{kind}:{fact.cp_id}" if fact.payload.get("state") == "succeeded" else None

    return over


def _security(fact: Fact, before: str | None, params: Params) -> Found | None:
    type = _text(fact.payload.get("type"))
    critical = fact.payload.get("critical") is True
    if not type or (params["which"] == "critical" and not critical) or _late(fact, "charger_reported_at"):
        return None
    known = known_event(type)
    meaning = f" {known.meaning}" if known is not None else ""
    info = said(_text(fact.payload.get("info")))
    text = f"{_who(fact)} reports {said(type)}.{meaning}" + (f" It says: {info}" if info else "")
    # One subject for each type of event: what is told of one must not hide another.
    return _found(f"security:{fact.cp_id}/{mark(type.strip().casefold(), 64)}", fact, text)


def _command(fact: Fact) -> str:
    return f"command:{fact.cp_id}/{mark(_text(fact.payload.get('type')), 64)}"


def _command_failed(fact: Fact, before: str | None, params: Params) -> Found | None:
    status = _text(fact.payload.get("status"))
    wanted = {"failed", "timed_out", "expired"} | ({"rejected"} if params["refusals"] == "count" else set())
    if status not in wanted:
        return None
    words = [status.replace("_", " "), *(_text(fact.payload.get(n)) for n in ("error_code", "answer_status"))]
    why = ", ".join(said(word) for word in words if word)
    text = f"The command {said(_text(fact.payload.get('type')))} to {_who(fact)} came to nothing: {why}."
    return _found(_command(fact), fact, text)


def _over_by_success(fact: Fact, params: Params) -> str | None:
    return _command(fact) if fact.payload.get("status") == "accepted" else None


def _credential(fact: Fact, before: str | None, params: Params) -> Found | None:
    what, by = said(_text(fact.payload.get("action"))), said(_text(fact.payload.get("by")))
    return _found(f"credential:{fact.cp_id}", fact, f"The password of {_who(fact)} was {what} by {by}.")


def _remote_start_expired(fact: Fact, before: str | None, params: Params) -> Found | None:
    outlet = outlet_of(fact)
    text = f"{at_outlet(fact.cp_id, fact.name, outlet)} accepted a remote start, and no transaction came."
    return _found(outlet_subject(fact.cp_id, outlet), fact, text, outlet)


def _list_failed(fact: Fact, before: str | None, params: Params) -> Found | None:
    if fact.type != "local_list.failed":
        return None
    result = said(_text(fact.payload.get("result"))) or "no answer"
    text = f"An update of the authorization list of {_who(fact)} came to nothing: {result}."
    return _found(f"local-list:{fact.cp_id}", fact, text)


def _list_over(fact: Fact, params: Params) -> str | None:
    return f"local-list:{fact.cp_id}" if fact.type == "local_list.updated" else None


def _certificate_asked(fact: Fact, before: str | None, params: Params) -> Found | None:
    if fact.payload.get("status") != "pending":
        return None
    return _found(
        f"csr:{fact.cp_id}", fact, f"{_who(fact)} asks for a certificate, and a person must approve it."
    )


def _webhook_paused(fact: Fact, before: str | None, params: Params) -> Found | None:
    name = _text(fact.payload.get("name"))
    why = said(_text(fact.payload.get("why")))
    return _found(f"webhook:{mark(name)}", fact, f"The webhook {said(name)} was paused: {why}")


_WHICH = Param(
    "which", "", "critical", choices=("critical", "all"), title="Which ones, by the list of the standard"
)
_REFUSALS = Param(
    "refusals", "", "ignore", choices=("ignore", "count"), title="Whether a refusal is a failure"
)

# fmt: off
HAPPENINGS: dict[str, Happening] = {happening.slug: happening for happening in (
    _line(CONNECTED), _line(DISCONNECTED), *_states(),
    Happening("transaction-started", "A transaction has started", ("tx.started", "tx.stopped"), _started,
              word=_session_word, over=_over_by_stop),
    Happening("transaction-stopped", "A transaction has stopped", ("tx.started", "tx.stopped"), _stopped,
              word=_session_word),
    Happening("charge-point-booted", "A charge point has booted", ("cp.boot",), _boot),
    Happening("device-waits", "A charge point that nobody knew boots, and waits for approval", ("cp.boot",),
              _new_device, word=_registration_word, over=_over_by_decision),
    Happening("firmware-failed", "An update of firmware has failed", ("cp.firmware_status",),
              _job_failed("firmware", "An update of the firmware"),
              word=_job_word("firmware"), over=_job_over("firmware")),
    Happening("log-failed", "An upload of a log has failed", ("cp.diagnostics_status",),
              _job_failed("log", "An upload of a log"), word=_job_word("log"), over=_job_over("log")),
    Happening("security-event", "A charge point has reported a security event", ("cp.security_event",), _security,
              (HOLD, _WHICH)),
    device_problem(_late),
    Happening("command-failed", "A command has come to nothing", ("cp.command",), _command_failed,
              (HOLD, _REFUSALS), over=_over_by_success),
    Happening("credential-changed", "The password of a charge point was changed or removed",
              ("cp.credential_rotated",), _credential),
    Happening("remote-start-expired", "An accepted remote start has brought no transaction",
              ("remote_start.expired",), _remote_start_expired),
    Happening("local-list-failed", "An update of an authorization list has come to nothing",
              ("local_list.failed", "local_list.updated"), _list_failed, over=_list_over),
    Happening("certificate-asked", "A charge point asks for a certificate, and a person must approve it",
              ("cp.csr_submitted",), _certificate_asked),
    Happening("webhook-paused", "A webhook was paused", ("webhook.paused",), _webhook_paused, scoped=False),
)}
# fmt: on
