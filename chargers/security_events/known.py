"""The security events that the standards list, what each means, and which of them a person must see.

From the security white paper of 1.6 and the appendix of 2.x, whose names differ where 1.6 says central system and
charge point. Critical are those that tell of a changed, restarted, tampered or failing device.
"""

from typing import NamedTuple


class Known(NamedTuple):
    """What a listed event means, and whether it is critical."""

    critical: bool
    meaning: str


KNOWN: dict[str, Known] = {
    "FirmwareUpdated": Known(True, "New firmware was installed."),
    "FailedToAuthenticateAtCentralSystem": Known(False, "We refused its credentials."),
    "FailedToAuthenticateAtCsms": Known(False, "We refused its credentials."),
    "CentralSystemFailedToAuthenticate": Known(False, "It refused ours."),
    "CsmsFailedToAuthenticate": Known(False, "It refused ours."),
    "SettingSystemTime": Known(True, "Its clock was set."),
    "StartupOfTheDevice": Known(True, "It started up."),
    "ResetOrReboot": Known(True, "It was reset, or restarted by itself."),
    "SecurityLogWasCleared": Known(True, "Its security log was emptied."),
    "ReconfigurationOfSecurityParameters": Known(
        False, "Keys, passwords or the security profile were changed."
    ),
    "MemoryExhaustion": Known(True, "Its memory is full."),
    "InvalidMessages": Known(False, "It was sent messages that it does not take."),
    "AttemptedReplayAttacks": Known(False, "Somebody sent it old messages again."),
    "TamperDetectionActivated": Known(True, "Somebody opened it or tampers with it."),
    "InvalidFirmwareSignature": Known(False, "Firmware had a wrong signature."),
    "InvalidFirmwareSigningCertificate": Known(False, "The certificate that signed firmware was not valid."),
    "InvalidCentralSystemCertificate": Known(False, "Our certificate, or a root for it, was not valid."),
    "InvalidCsmsCertificate": Known(False, "Our certificate, or a root for it, was not valid."),
    "InvalidChargePointCertificate": Known(
        False, "The certificate that it was sent as its own was not valid."
    ),
    "InvalidChargingStationCertificate": Known(
        False, "The certificate that it was sent as its own was not valid."
    ),
    "InvalidTLSVersion": Known(False, "A TLS version was offered that it does not take."),
    "InvalidTLSCipherSuite": Known(False, "Cipher suites were offered that it does not take."),
    "MaintenanceLoginAccepted": Known(True, "Somebody signed in at the device itself."),
    "MaintenanceLoginFailed": Known(True, "Somebody failed to sign in at the device itself."),
}
_BY_FOLDED = {name.casefold(): name for name in KNOWN}


def canonical_type(type: str) -> str:
    """Return a type as the standards write it; one of the vendor's own as it came. Case does not matter."""
    return _BY_FOLDED.get(type.strip().casefold(), type)


def known_event(type: str) -> Known | None:
    """Return what is known of an event; None for a type of the vendor's own. Case does not matter."""
    return KNOWN.get(canonical_type(type))
