"""Human words for the states of what is managed at a charge point: configuration, jobs, reservations and the like."""

from chargers.availability.selectors import Standing
from chargers.certificates.models import SigningRequest
from chargers.configuration.selectors import Drift
from chargers.firmware.models import Evidence
from chargers.jobs import Flag, State
from chargers.network.models import NetworkProfile, ProfileChange
from chargers.reservations.models import Reservation
from console.words import Word
from transactions.charging_profiles.models import InstalledProfile

# The labels are those of the models and selectors; here is how urgent each is.
TONES: dict[str, dict[str, str]] = {
    "drift": {
        Drift.NOT_DESIRED: "idle",
        Drift.IN_SYNC: "ok",
        Drift.DIFFERS: "bad",
        Drift.READONLY: "bad",
        Drift.REJECTED: "bad",
        Drift.NOT_SUPPORTED: "bad",
        Drift.NEEDS_REBOOT: "wait",
        Drift.SET: "ok",
        Drift.UNKNOWN: "wait",
    },
    "standing": {
        Standing.NOT_WANTED: "idle",
        Standing.WAITING: "wait",
        Standing.SCHEDULED: "wait",
        Standing.IN_FORCE: "ok",
        Standing.REFUSED: "bad",
        Standing.MISMATCH: "bad",
        Standing.UNKNOWN: "wait",
    },
    "job": {
        State.ORDERED: "wait",
        State.RUNNING: "busy",
        State.SUCCEEDED: "ok",
        State.FAILED: "bad",
        State.REFUSED: "bad",
        State.CANCELLED: "idle",
        State.NOTHING: "idle",
        State.LOST: "bad",
    },
    "evidence": {
        Evidence.NONE: "idle",
        Evidence.UNCHANGED: "bad",
        Evidence.CHANGED: "ok",
        Evidence.EXPECTED: "ok",
        Evidence.UNEXPECTED: "bad",
    },
    "report": {
        Flag.IDLE: "idle",
        Flag.UNKNOWN: "wait",
        Flag.NO_JOB: "wait",
        Flag.AFTER_END: "wait",
        Flag.WORD: "wait",
    },
    "reservation": {
        Reservation.Status.REQUESTED: "wait",
        Reservation.Status.ACCEPTED: "busy",
        Reservation.Status.REFUSED: "bad",
        Reservation.Status.FAILED: "bad",
        Reservation.Status.USED: "ok",
        Reservation.Status.CANCELLED: "idle",
        Reservation.Status.EXPIRED: "idle",
        Reservation.Status.ENDED: "idle",
        Reservation.Status.REPLACED: "idle",
    },
    "profile": {
        InstalledProfile.Status.REQUESTED: "wait",
        InstalledProfile.Status.INSTALLED: "ok",
        InstalledProfile.Status.UNCERTAIN: "wait",
        InstalledProfile.Status.REFUSED: "bad",
        InstalledProfile.Status.REPLACED: "idle",
        InstalledProfile.Status.CLEARED: "idle",
        InstalledProfile.Status.EXPIRED: "idle",
        InstalledProfile.Status.ENDED: "idle",
    },
    "request": {
        SigningRequest.Status.REFUSED: "bad",
        SigningRequest.Status.PENDING: "wait",
        SigningRequest.Status.APPROVED: "busy",
        SigningRequest.Status.SIGNED: "busy",
        SigningRequest.Status.INSTALLED: "ok",
        SigningRequest.Status.DECLINED: "bad",
        SigningRequest.Status.REJECTED: "bad",
        SigningRequest.Status.SUPERSEDED: "idle",
    },
    "network-profile": {
        NetworkProfile.State.TOLD: "wait",
        NetworkProfile.State.ACCEPTED: "ok",
        NetworkProfile.State.REJECTED: "bad",
        NetworkProfile.State.FAILED: "bad",
        NetworkProfile.State.UNANSWERED: "wait",
        NetworkProfile.State.UNSENT: "idle",
    },
    "profile-change": {
        ProfileChange.State.WRITING: "busy",
        ProfileChange.State.ORDERING: "busy",
        ProfileChange.State.RESETTING: "busy",
        ProfileChange.State.AWAITED: "wait",
        ProfileChange.State.DONE: "ok",
        ProfileChange.State.WENT_BACK: "bad",
        ProfileChange.State.LOST: "bad",
        ProfileChange.State.FAILED: "bad",
        ProfileChange.State.CANCELLED: "idle",
    },
}
FAMILIES = {
    "drift": Drift,
    "standing": Standing,
    "job": State,
    "evidence": Evidence,
    "report": Flag,
    "reservation": Reservation.Status,
    "profile": InstalledProfile.Status,
    "request": SigningRequest.Status,
    "network-profile": NetworkProfile.State,
    "profile-change": ProfileChange.State,
}


def state_word(term: str, family: str) -> Word:
    """Return the word for a state; one that is not known stands for itself."""
    labels = dict(FAMILIES[family].choices)
    return Word(str(labels.get(term, term or "unknown")), TONES[family].get(term, "idle"), term)
