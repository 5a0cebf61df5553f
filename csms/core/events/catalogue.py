"""Every type of event that leaves the house: when it is told, and the message of its payload.

The names are a promise: types, and fields of their messages, are added and never renamed or removed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event. `summary` says when it is told; `message` is that of `csms.events.v1` with its payload."""

    name: str
    message: str
    summary: str


_TABLE: tuple[tuple[str, str, str], ...] = (
    # a charge point and its connection
    ("cp.connected", "Connected", "A charge point has connected."),
    ("cp.disconnected", "Disconnected", "A connection of a charge point has ended."),
    ("cp.offline_duration", "OfflineDuration", "A charge point is back, after a time without a connection."),
    ("cp.boot", "Boot", "A charge point has booted; what it says of itself."),
    ("cp.heartbeat", "Heartbeat", "A heartbeat came. Only with `CSMS_EVENTS_HEARTBEATS`."),
    ("cp.status", "Status", "A charge point has reported the status of a connector, or its own."),
    ("cp.meter", "Meter", "Meter values came, in a transaction or outside of any."),
    ("cp.availability", "Availability", "A change of availability was answered, or is in force."),
    ("cp.configuration", "Configuration", "A configuration key is known to have another value than before."),
    ("cp.command", "Command", "A command has come to its end, whichever that is."),
    ("cp.credential_rotated", "CredentialRotated", "The password of a charge point was set, changed or removed."),
    ("cp.csr_submitted", "CsrSubmitted", "A charge point has asked for a certificate."),
    ("cp.security_event", "SecurityEvent", "A charge point has reported a security event."),
    ("cp.firmware_status", "FirmwareStatus", "An update of firmware has come forward, has ended, or was reported on."),
    ("cp.diagnostics_status", "DiagnosticsStatus", "An upload of a log has come forward, ended, or was reported on."),
    ("cp.traits", "Traits", "What is peculiar to a charge point was said anew."),
    ("cp.alias", "Alias", "A charge point may connect under another identity, too, or no longer."),
    ("cp.ocpp_frames", "OcppFrame", "An OCPP message came in or went out. Only as `CSMS_EVENTS_FRAMES` says."),
    ("device.event", "DeviceEvent", "A component of a charge point has reported what happened to it."),
    ("report.used", "Report", "A report that a charge point was asked for is whole, and what it says is used."),
    ("report.empty", "Report", "A charge point has nothing to report of what it was asked for."),
    ("report.refused", "Report", "A charge point has refused to report what it was asked for."),
    ("report.incomplete", "Report", "Of a report that was asked for not all has come, or it could not be used."),
    ("network_profile.requested", "NetworkProfile", "A network profile was ordered to be written into a slot."),
    ("network_profile.accepted", "NetworkProfile", "A charge point has taken a network profile."),
    ("network_profile.refused", "NetworkProfile", "A charge point has refused a network profile."),
    ("network_profile.failed", "NetworkProfile", "A network profile failed, was not answered, or not sent."),
    ("security_profile.change", "SecurityProfileChange", "A move to another security profile has another state."),
    ("model.traits", "ModelTraits", "What is peculiar to a model of charge points was said anew."),
    # transactions
    ("tx.started", "TransactionStarted", "A transaction has started."),
    ("tx.updated", "TransactionUpdated", "Something new is known of a transaction; `reason` says what."),
    ("tx.stopped", "TransactionStopped", "A transaction has ended, by its report or by what else was seen."),
    (
        "tx.stop_replaced",
        "TransactionStopReplaced",
        "Another end replaces one that was inferred: the one that was reported, or one of later readings.",
    ),
    ("tx.stop_differs", "TransactionStopDiffers", "Another end was reported; the first one stands."),
    ("tx.priced", "TransactionPriced", "A transaction was priced, or its price has changed."),
    ("cost.updated", "CostUpdated", "A driver was told at the charge point what a transaction costs."),
    ("remote_start.expired", "RemoteStartExpired", "An accepted remote start has brought no transaction."),
    ("charging.unexplained", "UnexplainedCharging", "A connector charges, and no transaction was reported."),
    ("charging.explained", "UnexplainedCharging", "The transaction of unexplained charging was reported."),
    ("charging.over", "UnexplainedCharging", "Unexplained charging is over; no transaction was reported."),
    # reservations, charging profiles, authorization lists
    ("reservation.requested", "Reservation", "A reservation was ordered."),
    ("reservation.accepted", "Reservation", "A charge point has accepted a reservation."),
    ("reservation.refused", "Reservation", "A charge point has refused a reservation."),
    ("reservation.failed", "Reservation", "A reservation came to nothing."),
    ("reservation.used", "Reservation", "A transaction has used a reservation."),
    ("reservation.cancelled", "Reservation", "A reservation was cancelled."),
    ("reservation.expired", "Reservation", "The time of a reservation is over."),
    ("reservation.ended", "Reservation", "A charge point has ended a reservation."),
    ("reservation.replaced", "Reservation", "Another reservation has taken its place."),
    ("charging_profile.requested", "ChargingProfile", "A charging profile was ordered."),
    ("charging_profile.installed", "ChargingProfile", "A charge point has installed a charging profile."),
    ("charging_profile.uncertain", "ChargingProfile", "A charging profile was sent, and its answer never came."),
    ("charging_profile.refused", "ChargingProfile", "A charging profile was not installed."),
    ("charging_profile.replaced", "ChargingProfile", "Another charging profile has taken its place."),
    ("charging_profile.cleared", "ChargingProfile", "A charging profile was cleared."),
    ("charging_profile.expired", "ChargingProfile", "The validity of a charging profile is over."),
    ("charging_profile.ended", "ChargingProfile", "A charging profile has ended with its transaction."),
    ("composite_schedule.reported", "CompositeSchedule", "A charge point has told to which limits it keeps."),
    ("local_list.policy_set", "LocalList", "What belongs on an authorization list was said anew."),
    ("local_list.updated", "LocalList", "A charge point has taken an update of its authorization list."),
    ("local_list.failed", "LocalList", "An update of an authorization list came to nothing."),
    ("local_list.not_supported", "LocalList", "A charge point keeps no authorization list."),
    ("local_list.drifted", "LocalList", "An authorization list has another version than it should."),
    # certificates and files
    ("cert.request", "CertificateRequest", "A request for a certificate came, or has another status."),
    ("cert.signing_failed", "SigningFailed", "A certificate could not be signed; it will be tried again."),
    ("cert.installed", "Certificate", "A certificate is installed in a charge point."),
    ("cert.removed", "Certificate", "A certificate is not installed in a charge point any more."),
    ("cert.expiring", "Certificate", "An installed certificate expires soon."),
    ("cert.expired", "Certificate", "An installed certificate has expired."),
    ("file.received", "File", "A charge point has uploaded a file."),
    ("file.deleted", "File", "An uploaded file was deleted."),
    # the network
    ("alert.fired", "Alert", "A condition has lasted long enough to be an alert."),
    ("alert.resolved", "Alert", "The condition of an alert is over."),
    ("bulk.job", "BulkJob", "A bulk job has another state, or is closed."),
    ("webhook.paused", "WebhookPaused", "A webhook's endpoint was paused, by somebody or since it is long dead."),
)  # fmt: skip

EVENT_TYPES: dict[str, EventType] = {row[0]: EventType(*row) for row in _TABLE}


def matches(pattern: str, type: str) -> bool:
    """Whether a pattern covers a type: it is the type, its beginning with `.*`, or `*`."""
    return pattern in ("*", type) or (pattern.endswith(".*") and type.startswith(pattern[:-1]))


def covers_any(pattern: str) -> bool:
    """Whether there is any type that a pattern covers; one that covers none is a mistake."""
    return any(matches(pattern, type) for type in EVENT_TYPES)
