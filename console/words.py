"""Human words for what the protocol says: what it is called, how urgent it is, what it means, what to do about it."""

from dataclasses import dataclass

from django.utils.translation import gettext

from chargers.models import Command, Frame, Registration


def say(text: object) -> str:
    """Return an English text of a table, ours or a room's, in the language of the reader."""
    plain = str(text)
    return gettext(plain) if plain else ""  # the translation of nothing is the head of the catalogue


@dataclass(frozen=True, slots=True)
class Word:
    """A term of the system in human words. `tone` is one of ok, busy, wait, bad, idle."""

    english: str
    tone: str = "idle"
    english_meaning: str = ""

    @property
    def label(self) -> str:
        """Return what it is called, in the reader's language."""
        return say(self.english)

    @property
    def meaning(self) -> str:
        """Return what it means, in the reader's language."""
        return say(self.english_meaning)


CONNECTOR_STATUS: dict[str, Word] = {
    "Available": Word("Available", "ok", "Free: a car may plug in."),
    "Preparing": Word(
        "Preparing", "wait", "A car is plugged in or a card was shown; charging has not begun."
    ),
    # OCPP 2.x, while nothing tells more.
    "Occupied": Word("Occupied", "wait", "A car is plugged in, or stands before it."),
    "Charging": Word("Charging", "busy", "Energy flows."),
    "SuspendedEVSE": Word("Paused by charger", "wait", "The charge point offers no energy just now."),
    "SuspendedEV": Word("Paused by car", "wait", "The car takes no energy just now; it may be full."),
    "Finishing": Word("Finishing", "wait", "The session is over; the cable is still plugged in."),
    "Reserved": Word("Reserved", "wait", "Held for a driver."),
    "Unavailable": Word("Out of service", "idle", "Switched to inoperative; nobody can charge."),
    "Faulted": Word("Faulted", "bad", "Cannot charge until the fault is cleared."),
}

# OCPP 2.0.1, ConnectorEnumType: names of plugs are the same in every language.
CONNECTOR_TYPES = {
    "cCCS1": "CCS 1",
    "cCCS2": "CCS 2",
    "cChaoJi": "ChaoJi",
    "cG105": "CHAdeMO",
    "cGBT": "GB/T",
    "cTesla": "Tesla",
    "cType1": "Type 1",
    "cType2": "Type 2",
    "s309-1P-16A": "CEE 16 A",
    "s309-1P-32A": "CEE 32 A",
    "s309-3P-16A": "CEE 3 × 16 A",
    "s309-3P-32A": "CEE 3 × 32 A",
    "sBS1361": "BS 1363",
    "sCEE-7-7": "CEE 7/7",
    "sType2": "Type 2",
    "sType3": "Type 3",
}

# OCPP 2.0.1, ChargingStateEnumType.
CHARGING_STATE: dict[str, Word] = {
    "Charging": CONNECTOR_STATUS["Charging"],
    "SuspendedEV": CONNECTOR_STATUS["SuspendedEV"],
    "SuspendedEVSE": CONNECTOR_STATUS["SuspendedEVSE"],
    "EVConnected": Word(
        "Car plugged in", "wait", "The car is connected; no energy is offered yet, or no longer."
    ),
    "Idle": Word("No car", "idle", "Nothing is plugged in that can charge."),
}

REGISTRATION: dict[str, Word] = {
    Registration.PENDING: Word(
        "Waiting for approval", "wait", "Connected or seen, but not served until approved."
    ),
    Registration.ACCEPTED: Word("Approved", "ok", "Served by this network."),
    Registration.REJECTED: Word("Rejected", "bad", "Refused at the door."),
}

COMMAND_STATUS: dict[str, Word] = {
    Command.Status.QUEUED: Word(
        "Queued", "wait", "Waits until the charge point has answered the call before it."
    ),
    Command.Status.SENT: Word("Sent", "wait", "On the wire; the answer is awaited."),
    Command.Status.ACCEPTED: Word(
        "Accepted", "ok", "The charge point said it will do it. The effect is another fact."
    ),
    Command.Status.REJECTED: Word("Rejected", "bad", "The charge point said no."),
    Command.Status.FAILED: Word("Failed", "bad", "It was not sent, or it was answered with an error."),
    Command.Status.TIMED_OUT: Word("No answer", "bad", "The charge point did not answer in time."),
    Command.Status.EXPIRED: Word("Expired", "bad", "It could not be sent in time and never will be."),
    Command.Status.CANCELLED: Word("Cancelled", "idle", "Taken back before it was sent."),
}

TRANSACTION_STATUS: dict[str, Word] = {
    "active": Word("Active", "busy", "Its end was not reported yet."),
    "ended": Word("Ended", "idle", "Its end was reported."),
}

AUTHORIZATION: dict[str, Word] = {
    "Accepted": Word("Accepted", "ok", "The token may charge."),
    "Blocked": Word("Blocked", "bad", "The token is blocked."),
    "Expired": Word("Expired", "bad", "The token has expired."),
    "Invalid": Word("Unknown token", "bad", "The token is not known here."),
    "ConcurrentTx": Word("Already charging", "bad", "The token has as many transactions as it may have."),
    # OCPP 2.x only.
    "Unknown": Word("Unknown token", "bad", "The token is not known here."),
    "NoCredit": Word("No credit", "bad", "The driver has no credit left."),
    "NotAllowedTypeEVSE": Word(
        "Not at such an EVSE", "bad", "The token may not charge at EVSEs of this kind."
    ),
    "NotAtThisLocation": Word("Not here", "bad", "The token may charge elsewhere only."),
    "NotAtThisTime": Word("Not at this time", "bad", "The token may charge at other times only."),
}

VERDICT: dict[str, Word] = {
    Frame.Verdict.OK: Word("OK", "ok", "As the standard has it."),
    Frame.Verdict.DEVIANT: Word(
        "Repaired", "wait", "Not as the standard has it, and understood all the same."
    ),
    Frame.Verdict.REPEAT: Word("Repeat", "wait", "Sent before; answered as before."),
    Frame.Verdict.REFUSED: Word("Refused", "bad", "Answered with an error."),
    Frame.Verdict.LATE: Word(
        "Late", "wait", "An answer that came after its time; one of ours was not sent any more."
    ),
    Frame.Verdict.IGNORED: Word("Unusable", "bad", "Could not be read."),
}

FRAME_KIND: dict[int | None, Word] = {
    2: Word("Call", "", "CALL"),
    3: Word("Answer", "", "CALLRESULT"),
    4: Word("Error", "", "CALLERROR"),
    5: Word("Error", "", "CALLRESULTERROR"),
    None: Word("Unreadable", "", "no OCPP frame"),
}

# An error may be as the standard has it and is an error all the same. By the direction of its frame.
ERROR_KINDS = (4, 5)
ERROR_ANSWER: dict[str, Word] = {
    Frame.Direction.IN: Word("Error answer", "bad", "The charge point answered with an error."),
    Frame.Direction.OUT: Word("Error answer", "bad", "The charge point was answered with an error."),
}

WORDS = {
    "connector": CONNECTOR_STATUS,
    "registration": REGISTRATION,
    "command": COMMAND_STATUS,
    "transaction": TRANSACTION_STATUS,
    "authorization": AUTHORIZATION,
    "charging": CHARGING_STATE,
    "verdict": VERDICT,
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What something means and what to do about it."""

    english_means: str
    english_do: str = ""

    @property
    def means(self) -> str:
        """Return what it means, in the reader's language."""
        return say(self.english_means)

    @property
    def do(self) -> str:
        """Return what to do, in the reader's language."""
        return say(self.english_do)


NO_FAULT = ("", "NoError")

# OCPP 1.6, 7.6 ChargePointErrorCode.
ERROR_CODES: dict[str, Explanation] = {
    "ConnectorLockFailure": Explanation(
        "The connector cannot be locked or unlocked.",
        "Ask the driver to push the plug home and pull it once; then reset. If it returns, the lock needs service.",
    ),
    "EVCommunicationError": Explanation(
        "The charge point and the car do not understand each other.",
        "Unplug, wait ten seconds and plug in again; try another car or cable to see which side it is.",
    ),
    "GroundFailure": Explanation(
        "The residual current protection has tripped.",
        "Do not reset it from afar: have cable and car unplugged and the site checked by an electrician.",
    ),
    "HighTemperature": Explanation(
        "It is too hot inside the charge point.",
        "It usually recovers by itself as it cools; check fans, filters and sun if it returns.",
    ),
    "InternalError": Explanation(
        "An error in the charge point's own hardware or software.",
        "Reset it (Soft, then Hard). If it returns, note the vendor's error code and ask the vendor.",
    ),
    "LocalListConflict": Explanation(
        "Its local list of tokens contradicts an answer from here.", "Send the local list again in full."
    ),
    "OtherError": Explanation(
        "An error that the standard has no word for.",
        "Look at the vendor's error code and the text beside it.",
    ),
    "OverCurrentFailure": Explanation(
        "The over-current protection has tripped.",
        "Have the car unplugged; reset. If it returns with another car, the site needs an electrician.",
    ),
    "OverVoltage": Explanation(
        "The supply voltage is too high.", "Ask the site's electrician or the grid operator."
    ),
    "PowerMeterFailure": Explanation(
        "The energy meter cannot be read.",
        "Sessions may lack energy figures; reset, then have the meter serviced.",
    ),
    "PowerSwitchFailure": Explanation(
        "The contactor does not switch.",
        "Have it taken out of service and repaired: a welded contact is dangerous.",
    ),
    "ReaderFailure": Explanation(
        "The card reader does not work.",
        "Drivers can still be served by 'Start charging' here; have the reader serviced.",
    ),
    "ResetFailure": Explanation("It could not reset itself.", "Power-cycle it at the site."),
    "UnderVoltage": Explanation(
        "The supply voltage is too low.", "Check the site's supply; fewer cars at a time may help meanwhile."
    ),
    "WeakSignal": Explanation(
        "The mobile signal is weak.", "Expect gaps in the connection; an outdoor antenna helps."
    ),
}
UNKNOWN_ERROR = Explanation(
    "The vendor's own code, which the standard does not know.", "Look it up in the vendor's manual."
)
FAULTED_WITHOUT_CODE = Explanation(
    "It reports a fault without saying which.", "Ask it for its status again, then reset it (Soft)."
)

# Reasons of refused handshakes (chargers/connections.py, chargers/handshake.py).
REFUSALS: dict[str, Explanation] = {
    "unknown": Explanation(
        "Nobody registered this charge point.",
        "If it is yours: manage.py add_charge_point, or set CSMS_UNKNOWN_CHARGE_POINTS=pending to approve it here.",
    ),
    "too_many_pending": Explanation(
        "Too many charge points wait for approval already.", "Approve or reject the ones that wait."
    ),
    "retired": Explanation(
        "This charge point was retired.", "Switch it off, or point it at another network."
    ),
    "rejected": Explanation(
        "An operator rejected this charge point.", "If that was a mistake, approve it again."
    ),
    "blocked": Explanation(
        "An operator blocked this identity or address.", "If that was a mistake, unblock it under Approvals."
    ),
    "draining": Explanation("The server was about to restart.", "Nothing: it will come back by itself."),
    "bad_identity": Explanation(
        "The address names no usable identity.",
        "Its URL must end in /ocpp/<identity>: 1 to 48 characters, without colon or slash.",
    ),
    "wrong_path": Explanation(
        "It connected to an address where no charge point is served.",
        "Its URL must end in /ocpp/<identity>; correct the path in the charge point.",
    ),
    "browser": Explanation(
        "A web page tried to connect as a charge point.",
        "If nobody here tests with one, a page that somebody has open knocks at your server: find it and close it.",
    ),
    "no_subprotocol": Explanation(
        "It offers no OCPP version that is served here.",
        "Configure the charge point for OCPP 1.6 or 2.0.1; hardware that offers none needs the trait default_version, "
        "of its own or its model, or CSMS_SUBPROTOCOL_DEFAULT=ocpp1.6.",
    ),
    "other_version": Explanation(
        "Only one OCPP version is to be spoken with it, and it does not offer that one.",
        "Configure the charge point for that version, or remove its trait only_version.",
    ),
    "lower_security_profile": Explanation(
        "It has connected with a higher security profile before.",
        "Find out why it fell back. If that is meant, an administrator may lower its security profile here.",
    ),
    "wrong_certificate": Explanation(
        "Its client certificate is not one that is believed for it.",
        "Look at the detail: the certificate may have ended, or name another charge point.",
    ),
    "expired_certificate": Explanation(
        "Its client certificate has ended.",
        "Give it a new one, or set the trait expired_certificate to renew: one that speaks OCPP 2.x is then let in "
        "and waits until it has one.",
    ),
    "bad_credentials": Explanation(
        "Its Authorization header is not HTTP Basic.", "Set its security profile to Basic authentication."
    ),
    "no_credentials": Explanation(
        "It must present its password and did not.",
        "Configure the password (AuthorizationKey) in the charge point.",
    ),
    "no_password_set": Explanation(
        "Passwords are required and this charge point has none here.",
        "Set one: manage.py set_charge_point_password.",
    ),
    "wrong_username": Explanation(
        "The user name is not the identity in its URL.",
        "The user name must be the identity of the charge point.",
    ),
    "wrong_password": Explanation(
        "The password is wrong.",
        "Set the same password on both sides (manage.py set_charge_point_password); else somebody is guessing.",
    ),
    "too_many_attempts": Explanation(
        "Too many failed logins from this address.",
        "It may try again after a minute; correct its password first.",
    ),
}

# RFC 6455, 7.4.1, and our own (chargers/connections.py).
CLOSE_CODES: dict[int, str] = {
    1000: "closed as agreed",
    1001: "one side went away",
    1002: "broke the WebSocket protocol",
    1003: "sent data that is not text",
    1005: "closed without a reason",
    1006: "the line was lost",
    1007: "sent text that is not UTF-8",
    1008: "closed for policy",
    1009: "sent a frame that was too large",
    1011: "the server failed",
    1012: "the server restarted",
    4000: "replaced by a newer connection",
    4001: "its server process was lost",
}


def explain_error(status: str, error_code: str) -> Explanation | None:
    """Return what is wrong with a connector; None when nothing is."""
    if error_code in NO_FAULT:
        return FAULTED_WITHOUT_CODE if status == "Faulted" else None
    return ERROR_CODES.get(error_code, UNKNOWN_ERROR)


# OCPP 1.6, 7.37 Reason; absent means Local.
STOP_REASONS: dict[str, str] = {
    "": "The driver stopped it at the charge point",
    "Local": "The driver stopped it at the charge point",
    "Remote": "Stopped from here",
    "EVDisconnected": "The cable was unplugged",
    "DeAuthorized": "The token may not charge",
    "EmergencyStop": "The emergency button was pressed",
    "HardReset": "A hard reset",
    "SoftReset": "A soft reset",
    "Reboot": "The charge point restarted by itself",
    "PowerLoss": "The power failed",
    "UnlockCommand": "The connector was unlocked from here",
    "Other": "Another reason",
    # OCPP 2.x only.
    "EnergyLimitReached": "The energy that was wanted was delivered",
    "GroundFault": "Current leaked to earth",
    "ImmediateReset": "A reset from here",
    "LocalOutOfCredit": "The driver has no credit left",
    "MasterPass": "Somebody stopped it with a master pass",
    "OvercurrentFault": "The current was too high",
    "PowerQuality": "The power was not good enough",
    "SOCLimitReached": "The battery is as full as was wanted",
    "StoppedByEV": "The car stopped it",
    "TimeLimitReached": "The time that was wanted was over",
    "Timeout": "No car was plugged in in time",
}
