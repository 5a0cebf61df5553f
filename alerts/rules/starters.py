"""The rules that are shipped: what most networks want to know of, and what some may want to switch on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alerts.models import Severity


@dataclass(frozen=True, slots=True)
class Starter:
    """A rule as it is shipped; see `alerts.rules.models.Rule`."""

    slug: str
    name: str
    about: str
    severity: Severity
    description: str = ""
    advice: str = ""
    lasting_seconds: int = 0
    keep_seconds: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    inhibits: tuple[Mapping[str, Any], ...] = ()
    enabled: bool = True


_CRITICAL, _WARNING, _INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_BY_SITE, _BY_MODEL = ("rule", "site"), ("rule", "model")


def _quiet(equal: str, *rules: str) -> tuple[Mapping[str, Any], ...]:
    """Return that rules are quiet where they are equal in this; nothing stands for everywhere."""
    return tuple({"rule": rule, "equal": (equal,) if equal else ()} for rule in rules)


# What nobody need be told of while the charge point is not there.
_OF_ABSENT = (
    "charge-point-flaps", "connector-faulted", "connector-warns", "connector-unavailable", "charging-unexplained",
    "no-power", "session-zombie", "no-session", "commands-fail",
)  # fmt: skip

# fmt: off
STARTERS: tuple[Starter, ...] = (
    # --- who is not there ---
    Starter(
        "charge-point-offline", "Charge point offline", "offline", _CRITICAL,
        "A charge point that was connected before is not. Time in which no server was there does not count.",
        "Look at how its connections ended, and at its neighbours: alone it is its power, its modem or its box; "
        "together it is their network.",
        lasting_seconds=15 * _MINUTE, group_by=_BY_SITE,
        inhibits=_quiet("charge_point", *_OF_ABSENT),
    ),
    Starter(
        "site-outage", "Site outage", "site-outage", _CRITICAL,
        "60 % of a site's charge points, and three at least, are offline together.",
        "Ask at the site for power and for the router. Its charge points are quiet meanwhile.",
        lasting_seconds=3 * _MINUTE, keep_seconds=3 * _MINUTE,
        inhibits=_quiet("site", "charge-point-offline", *_OF_ABSENT),
    ),
    Starter(
        "charge-point-silent", "Charge point silent", "silent", _WARNING,
        "A charge point is connected, and nothing was heard of it for 30 minutes.",
        "Trigger a heartbeat. If it does not answer, reset it; its heartbeat interval may be too long.",
        lasting_seconds=_MINUTE, group_by=_BY_MODEL,
    ),
    Starter(
        "charge-point-flaps", "Connection flaps", "flaps", _WARNING,
        "The connection of a charge point ended six times within an hour.",
        "Look at why its connections end. Bad reception, two devices with one identity and proxies that time out "
        "are usual.",
        keep_seconds=30 * _MINUTE, group_by=_BY_SITE,
    ),
    Starter(
        "approval-waits", "Charge point waits for approval", "waits-for-approval", _INFO,
        "A charge point that nobody knew has waited for approval for an hour.",
        "Approve or reject it under System, Approvals.",
        lasting_seconds=_HOUR,
    ),
    # --- what charge points report ---
    Starter(
        "connector-faulted", "Connector faulted", "faulted", _CRITICAL,
        "A connector, or a station, is Faulted by its last report.",
        "Read the error code with what to do on the page of the charge point. A reset helps often; a ground failure "
        "needs an electrician.",
        lasting_seconds=5 * _MINUTE, group_by=_BY_SITE,
        inhibits=_quiet("charge_point", "connector-unavailable", "no-session"),
    ),
    Starter(
        "connector-warns", "Connector warns", "connector-warns", _INFO,
        "A connector works and has reported an error with its state for an hour.",
        "Read the error code: high temperature and weak signal announce worse.",
        lasting_seconds=_HOUR, keep_seconds=10 * _MINUTE, group_by=_BY_MODEL,
    ),
    Starter(
        "connector-unavailable", "Connector unavailable", "connector-in-state", _WARNING,
        "A connector has been Unavailable for twelve hours.",
        "Look whether somebody took it out of service, and forgot it.",
        lasting_seconds=12 * _HOUR, params={"status": "Unavailable"}, group_by=_BY_SITE,
    ),
    Starter(
        "connector-finishing", "Connector blocked after charging", "connector-in-state", _INFO,
        "A connector has been Finishing for four hours: the car still stands there.",
        "Ask the driver to move it.",
        lasting_seconds=4 * _HOUR, params={"status": "Finishing"}, group_by=_BY_SITE, enabled=False,
    ),
    Starter(
        "connector-preparing", "Connector occupied without charging", "connector-in-state", _INFO,
        "A connector has been Preparing for an hour: somebody plugged in, and does not charge.",
        "The driver may not have been accepted; look at the authorizations of the charge point.",
        lasting_seconds=_HOUR, params={"status": "Preparing"}, group_by=_BY_SITE, enabled=False,
    ),
    Starter(
        "clock-off", "Clock off", "clock-off", _INFO,
        "A charge point's clock is more than 5 minutes off, as it was last measured.",
        "It takes the time from our heartbeats, unless another source is configured. Its time zone may be wrong.",
        lasting_seconds=15 * _MINUTE, group_by=_BY_MODEL,
    ),
    Starter(
        "deviations", "Charge point deviates from the standard", "deviations", _INFO,
        "200 messages of a charge point within an hour were not as the standard has them.",
        "Look at the deviations of its model. A trait, or newer firmware, may end them.",
        keep_seconds=_HOUR, group_by=_BY_MODEL, enabled=False,
    ),
    Starter(
        "local-list-drifts", "Authorization list drifts", "local-list-drifts", _WARNING,
        "The authorization list of a charge point has not been the one that it should have for an hour.",
        "Offline it accepts others than it should. Look at why its updates fail.",
        lasting_seconds=_HOUR, group_by=_BY_MODEL,
    ),
    # --- charging ---
    Starter(
        "charging-unexplained", "Charging without a transaction", "charging-unexplained", _WARNING,
        "A connector reports that it charges, and no transaction of it is known.",
        "Nobody is billed for it. Trigger its status and its meter values; a reset makes it report anew.",
        lasting_seconds=5 * _MINUTE, group_by=_BY_MODEL,
    ),
    Starter(
        "no-session", "No session for long", "no-session", _INFO,
        "No session at a charge point has delivered energy for 14 days.",
        "Compare it with its neighbours. It may be broken without knowing it, or blocked.",
        group_by=_BY_SITE, enabled=False,
    ),
    Starter(
        "no-power", "Charging without power", "no-power", _WARNING,
        "A connector charges, and by its readings no power flows for 15 minutes.",
        "A limit of a charging profile, a full battery or a broken contactor: look at power and limits together.",
        lasting_seconds=5 * _MINUTE, keep_seconds=5 * _MINUTE, group_by=_BY_SITE,
    ),
    Starter(
        "session-zombie", "Session that ended unnoticed", "session-stuck", _WARNING,
        "A session is open, though its connector is free or its charge point gone.",
        "See to it at the desk of stuck sessions.",
        lasting_seconds=_HOUR, params={"kind": "zombie"}, group_by=_BY_MODEL,
    ),
    Starter(
        "session-eternal", "Session without an end", "session-stuck", _INFO,
        "A session has been open for more than a day.",
        "See to it at the desk of stuck sessions.",
        params={"kind": "eternal"}, group_by=_BY_SITE,
    ),
    Starter(
        "session-zero-energy", "Session without energy", "session-stuck", _WARNING,
        "A connector has reported for an hour that it charges, and the register stands.",
        "See to it at the desk of stuck sessions.",
        params={"kind": "zero_energy"}, group_by=_BY_MODEL,
    ),
    Starter(
        "session-no-stop", "Session whose end was never reported", "session-stuck", _INFO,
        "A session was ended by evidence, and its end was not reported within a day.",
        "Confirm its end at the desk of stuck sessions: it is billed by its last reading.",
        lasting_seconds=_DAY, params={"kind": "no_stop"}, group_by=_BY_MODEL, enabled=False,
    ),
    Starter(
        "session-orphan", "End without a start", "session-stuck", _INFO,
        "The end of a session came, and its start never did.",
        "Look at what the charge point claims; nobody can be billed without a start.",
        lasting_seconds=_DAY, params={"kind": "orphan"}, group_by=_BY_MODEL, enabled=False,
    ),
    Starter(
        "commands-fail", "Commands are not answered", "commands-fail", _WARNING,
        "Of the commands to a charge point within six hours half, and five at least, were not answered.",
        "Look at the ledger of commands: it may be busy, or not know them.",
        keep_seconds=_HOUR, group_by=_BY_MODEL,
    ),
    Starter(
        "remote-start-expired", "Remote start without a transaction", "remote-start-expired", _INFO,
        "A charge point accepted a remote start, and no transaction came.",
        "The driver may not have plugged in. If it happens often, look at the charge point.",
        group_by=_BY_MODEL, enabled=False,
    ),
    # --- certificates, doors, security ---
    Starter(
        "certificate-expired", "Certificate expired", "certificate-expired", _CRITICAL,
        "A charge point's own certificate has ended.",
        "Install a new one while it is still connected: with this one it does not come back.",
        inhibits=_quiet("charge_point", "certificate-expires"),
    ),
    Starter(
        "certificate-expires", "Certificate expires", "certificate-expires", _WARNING,
        "A charge point's own certificate ends within 30 days.",
        "Trigger a new request of the charge point, and approve it.",
        group_by=("rule",),
    ),
    Starter(
        "certificate-request-waits", "Request for a certificate waits", "certificate-request-waits", _WARNING,
        "A charge point's request for a certificate has waited for a person for an hour.",
        "Approve or reject it on the page of the charge point's certificates.",
        lasting_seconds=_HOUR,
    ),
    Starter(
        "certificate-unsigned", "Certificate could not be signed", "certificate-unsigned", _WARNING,
        "A request for a certificate was approved, and for 15 minutes the authority could not sign it.",
        "The error of the authority stands with the request.",
        lasting_seconds=15 * _MINUTE, group_by=("rule",),
    ),
    Starter(
        "handshakes-refused", "Charge point is refused", "handshakes-refused", _WARNING,
        "Handshakes in the name of a charge point were refused 30 times within an hour.",
        "Look at the reason under System, Refused handshakes: most have a wrong password, or none.",
        keep_seconds=_HOUR,
    ),
    Starter(
        "address-refused", "Address is refused", "address-refused", _WARNING,
        "Handshakes from one address were refused 300 times within an hour.",
        "If it is none of yours, block it.",
        params={"times": 300}, keep_seconds=_HOUR,
    ),
    Starter(
        "security-event", "Critical security event", "security-event", _WARNING,
        "A charge point has reported a security event that the standard calls critical.",
        "Read what it says. If somebody opened the box, send somebody.",
        params={"hold": _HOUR},
    ),
    Starter(
        "device-problem", "Component reports a problem", "device-problem", _WARNING,
        "A component of a charge point has reported that something is wrong with it, as a lock that does not hold.",
        "Read what it says. If a cable is stuck, unlock its connector; else take the connector out of service.",
        params={"hold": _DAY},
    ),
    Starter(
        "credential-changed", "Password changed", "credential-changed", _INFO,
        "The password of a charge point was set, changed or removed.",
        "If nobody of you did it, look into the audit at once.",
        enabled=False,
    ),
    Starter(
        "device-waits", "New charge point", "device-waits", _INFO,
        "A charge point that nobody knew has booted, and waits for approval.",
        "Approve or reject it under System, Approvals.",
        params={"hold": _DAY},
    ),
    Starter(
        "firmware-failed", "Firmware update failed", "firmware-failed", _WARNING,
        "An update of firmware has failed.",
        "The status says where: download, signature or installation.",
        params={"hold": _DAY}, group_by=_BY_MODEL,
    ),
    # --- the house ---
    Starter(
        "no-server", "No server for charge points", "no-server", _CRITICAL,
        "No server process is there: no charge point can connect, nobody can charge who needs us.",
        "Start one. Charge points need some minutes to come back; they are quiet meanwhile.",
        lasting_seconds=_MINUTE,
        inhibits=_quiet("", "charge-point-offline", "site-outage", "charge-point-silent", "process-lost"),
    ),
    Starter(
        "process-lost", "Server process lost", "process-lost", _WARNING,
        "A server process did not end by itself: it was killed, or its machine is gone.",
        "Look into its log, and at the memory of its machine.",
        params={"minutes": 30},
    ),
    Starter(
        "no-worker", "No worker", "no-worker", _CRITICAL,
        "No worker brings events out.",
        "Start one for the queue `events`, or look into its log.",
        lasting_seconds=_MINUTE, inhibits=_quiet("", "events-wait"),
    ),
    Starter(
        "broker-away", "Redis away", "broker-away", _WARNING,
        "A server process does not hear its own bell.",
        "Start Redis, or look at the network to it. Commands are sent all the same, some seconds late.",
        lasting_seconds=_MINUTE, group_by=("rule",),
    ),
    Starter(
        "disk-full", "Disk nearly full", "disk-full", _WARNING,
        "Less than 10 % of the disk of a server is free.",
        "Shorten what is kept (CSMS_RETAIN_…), or give it a larger disk.",
        lasting_seconds=5 * _MINUTE, keep_seconds=5 * _MINUTE,
    ),
    Starter(
        "disk-over", "Disk full", "disk-full", _CRITICAL,
        "Less than 3 % of the disk of a server is free.",
        "Make room at once: without it nothing can be acknowledged.",
        keep_seconds=5 * _MINUTE, params={"free": 3}, inhibits=_quiet("", "disk-full"),
    ),
    # --- what leaves the house ---
    Starter(
        "backend-away", "Backend away", "backend-away", _CRITICAL,
        "The backend does not answer, and is left alone for the time being; the fallback decides who may charge.",
        "Look at the backend. Its end is told when it answers again.",
        lasting_seconds=_MINUTE, keep_seconds=2 * _MINUTE,
    ),
    Starter(
        "events-wait", "Events wait", "events-wait", _WARNING,
        "Events have waited for Kafka, RabbitMQ, a webhook or the backend for ten minutes.",
        "Look at the sink under System, Event delivery.",
        lasting_seconds=5 * _MINUTE, keep_seconds=_MINUTE, params={"minutes": 5},
    ),
    Starter(
        "sink-fails", "Delivery fails", "sink-fails", _WARNING,
        "Kafka, RabbitMQ, a webhook or the backend has taken no events for five minutes.",
        "The error stands with the sink under System, Event delivery.",
        lasting_seconds=5 * _MINUTE,
    ),
    Starter(
        "dead-letters", "Deliveries given up", "dead-letters", _WARNING,
        "Deliveries to a webhook, or to the backend, were given up.",
        "Replay them under System, Event delivery, once the other side takes them.",
    ),
    Starter(
        "channel-broken", "Channel broken", "channel-broken", _CRITICAL,
        "The last three attempts to tell a channel of alerts failed, or it was refused for good.",
        "Its people are told of nothing. Test it, and mend its address or its token.",
    ),
    Starter(
        "webhook-paused", "Webhook paused", "webhook-paused", _WARNING,
        "A webhook was paused, by somebody or since it is long dead.",
        "Mend its endpoint, and let it go on: what happened meanwhile is kept for a while.",
        params={"hold": _DAY},
    ),
    # --- what OCPP-Proxy-Alert tells, for those who want each of them ---
    *(
        Starter(slug, name, slug, _INFO, description, enabled=False)
        for slug, name, description in (
            ("charge-point-connected", "Charge point connected", "A charge point has connected."),
            ("charge-point-disconnected", "Charge point disconnected", "A connection has ended, for now."),
            ("charge-point-booted", "Charge point booted", "A charge point has booted."),
            ("station-available", "Station available", "A station has become Available."),
            ("station-unavailable", "Station unavailable", "A station has become Unavailable."),
            ("station-faulted", "Station faulted, at once", "A station has become Faulted."),
            ("transaction-started", "Transaction started", "A transaction has started."),
            ("transaction-stopped", "Transaction stopped", "A transaction has stopped."),
            ("command-failed", "Command failed", "A command has come to nothing."),
        )
    ),
)
# fmt: on
