"""The settings of charge points: who may connect, how they are spoken to, and who signs their certificates."""

from functools import partial
from typing import Annotated, Literal

from pydantic import BaseModel, SecretStr

from csms.core.config_types import (
    LowerCase,
    OcppVersions,
    OptionalFile,
    setting,
)

charger = partial(setting, category="Charge points")
protocol = partial(setting, category="OCPP connections")
certificates = partial(setting, category="Certificates")


class Charging(BaseModel):
    """Who may connect, how charge points are spoken to, and who signs their certificates."""

    unknown_charge_points: Annotated[Literal["refuse", "pending", "accept"], LowerCase] = charger(
        "CSMS_UNKNOWN_CHARGE_POINTS",
        "pending",
        "A charge point nobody registered is refused (404), waits for approval (pending) or is accepted.",
        mutable=True,
        risk="With “accept” whoever finds this server may connect as any charge point that nobody registered.",
    )
    max_pending_charge_points: int = charger(
        "CSMS_MAX_PENDING_CHARGE_POINTS",
        1000,
        "Most charge points that may wait for approval; further unknown ones are refused.",
        unit="charge points",
        zero="none may wait",
        high=1_000_000,
        mutable=True,
    )
    unknown_id_tags: Annotated[Literal["refuse", "accept"], LowerCase] = charger(
        "CSMS_UNKNOWN_ID_TAGS",
        "refuse",
        "An id token nobody registered is refused (answered Invalid) or accepted.",
        mutable=True,
        risk="With “accept” everybody charges, with any card.",
    )
    inferred_end_grace: int = charger(
        "CSMS_INFERRED_END_GRACE",
        900,
        "Time to wait for the end of a transaction once its connector is free, or has the next one, before the "
        "transaction is closed by that evidence.",
        unit="s",
        zero="never",
        high=604_800,
        mutable=True,
    )
    inferred_end_silence_hours: int = charger(
        "CSMS_INFERRED_END_SILENCE_HOURS",
        72,
        "Silence of a charge point after which its transactions are closed by their last readings.",
        unit="h",
        zero="never",
        high=8760,
        mutable=True,
    )
    connector_max_kw: int = charger(
        "CSMS_CONNECTOR_MAX_KW",
        400,
        "Most power that any connector delivers; meters that rise faster are not believed.",
        unit="kW",
        low=1,
        high=10_000,
        mutable=True,
    )
    require_charge_point_password: bool = charger(
        "CSMS_REQUIRE_CHARGE_POINT_PASSWORD",
        False,
        "Refuse (401) every charge point for which no password is set.",
        mutable=True,
        risk="Charge points without a password are refused when they connect again; or, with “false”, let in.",
    )
    heartbeat_interval: int = charger(
        "CSMS_HEARTBEAT_INTERVAL",
        300,
        "Heartbeat interval that an accepted charge point is told at boot.",
        unit="s",
        low=10,
        high=86400,
        mutable=True,
    )
    configuration_settle: int = charger(
        "CSMS_CONFIGURATION_SETTLE",
        30,
        "Time after a boot before the configuration of a charge point is read and brought to what is desired.",
        unit="s",
        low=0,
        high=3600,
        mutable=True,
    )
    boot_retry_interval: int = charger(
        "CSMS_BOOT_RETRY_INTERVAL",
        60,
        "Time after which a charge point that is pending or rejected shall send its BootNotification again.",
        unit="s",
        low=5,
        high=86400,
        mutable=True,
    )

    provision_before_acceptance: bool = charger(
        "CSMS_PROVISION_BEFORE_ACCEPTANCE",
        False,
        "A new charge point of OCPP 2.x that was approved is read and brought to what is desired before it is "
        "accepted.",
        mutable=True,
    )
    provisioning_timeout: int = charger(
        "CSMS_PROVISIONING_TIMEOUT",
        600,
        "Time after which a charge point is accepted although its provisioning has not come to an end.",
        unit="s",
        low=30,
        high=86_400,
        mutable=True,
    )
    report_timeout: int = charger(
        "CSMS_REPORT_TIMEOUT",
        60,
        "Silence within a report of several parts after which it counts as incomplete.",
        unit="s",
        low=5,
        high=3600,
        mutable=True,
    )
    event_gap_wait: int = charger(
        "CSMS_EVENT_GAP_WAIT",
        30,
        "Time that a missing event of a transaction may be on its way before the charge point is asked about it.",
        unit="s",
        low=5,
        high=86_400,
        mutable=True,
    )
    events_missing_hours: int = charger(
        "CSMS_EVENTS_MISSING_HOURS",
        24,
        "Time after the end of a transaction after which events that are still missing are given up.",
        unit="h",
        low=1,
        high=8760,
        mutable=True,
    )
    cost_interval: int = charger(
        "CSMS_COST_INTERVAL",
        60,
        "Interval in which a driver is told at the charge point what the running transaction costs so far.",
        unit="s",
        zero="never while it runs",
        high=86_400,
        mutable=True,
    )
    token_cache_hours: int = charger(
        "CSMS_TOKEN_CACHE_HOURS",
        0,
        "How long a charge point of OCPP 2.x may trust what it was told of an id token.",
        unit="h",
        zero="as long as it likes",
        high=8760,
        mutable=True,
    )

    upload_ttl: int = charger(
        "CSMS_UPLOAD_TTL",
        14_400,
        "How long a charge point may begin to upload to the one-time URL that it was given.",
        unit="s",
        low=60,
        high=604_800,
        mutable=True,
    )
    max_upload_bytes: int = charger(
        "CSMS_MAX_UPLOAD_BYTES",
        104_857_600,
        "Largest file that a charge point may upload.",
        unit="bytes",
        low=1024,
        high=1_099_511_627_776,
        mutable=True,
    )
    job_timeout: int = charger(
        "CSMS_JOB_TIMEOUT",
        86_400,
        "Silence after which a firmware update or a log upload is given up.",
        unit="s",
        zero="never",
        high=31_536_000,
        mutable=True,
    )

    ocpp_versions: OcppVersions = protocol(
        "CSMS_OCPP_VERSIONS",
        ("ocpp1.6", "ocpp2.0.1"),
        "Versions of OCPP that are spoken. Of those that a charge point offers, the first that is among them counts.",
        accepts="ocpp1.6, ocpp2.0.1 or both, parted by commas",
        mutable=True,
        risk="Charge points that speak none of them are refused when they connect again.",
    )
    subprotocol_default: Annotated[Literal["", "ocpp1.6", "ocpp2.0.1"], LowerCase] = protocol(
        "CSMS_SUBPROTOCOL_DEFAULT",
        "",
        "Version assumed for a charge point that offers no subprotocol, as some old ones do.",
        accepts="ocpp1.6 or ocpp2.0.1",
        unset="such a connection is refused",
        mutable=True,
    )
    call_timeout: int = protocol(
        "CSMS_CALL_TIMEOUT",
        30,
        "Longest wait for a charge point's answer to a CALL.",
        unit="s",
        low=1,
        high=600,
        mutable=True,
    )
    ws_ping_interval: int = protocol(
        "CSMS_WS_PING_INTERVAL",
        30,
        "Interval of the server's WebSocket pings.",
        unit="s",
        zero="off",
        high=3600,
    )
    liveness_timeout: int = protocol(
        "CSMS_LIVENESS_TIMEOUT",
        900,
        "Silence after which a connection is closed; raised to three heartbeat intervals when it is less.",
        unit="s",
        zero="off",
        high=604800,
        mutable=True,
    )
    max_frame_bytes: int = protocol(
        "CSMS_MAX_FRAME_BYTES",
        1_048_576,
        "Largest message that a charge point may send.",
        unit="bytes",
        low=16_384,
        high=67_108_864,
    )

    charge_point_frame_rate: int = protocol(
        "CSMS_CHARGE_POINT_FRAME_RATE",
        50,
        "Messages a second that are read of one charge point, each 8 KiB counting as one; a minute's worth may come "
        "at once, and what is more is read later.",
        unit="1/s",
        zero="no limit",
        high=100_000,
        mutable=True,
    )

    certificate_authority: Annotated[Literal["manual", "own"], LowerCase] = certificates(
        "CSMS_CERTIFICATE_AUTHORITY",
        "manual",
        "Who signs certificates of charge points: a CA elsewhere, whose chains are uploaded (manual), or the one "
        "in CSMS_CA_CERTIFICATE and CSMS_CA_KEY (own), which `manage.py create_ca` can make.",
    )
    ca_certificate: OptionalFile = certificates(
        "CSMS_CA_CERTIFICATE",
        "",
        "Certificate of the own CA in PEM form, followed by its issuers if it is not a root.",
        accepts="the path of a file",
        unset="`ca/certificate.pem` in the data folder",
    )
    ca_key: OptionalFile = certificates(
        "CSMS_CA_KEY",
        "",
        "Private key of the own CA in PEM form; whoever reads it can make certificates of charge points.",
        accepts="the path of a file",
        unset="`ca/key.pem` in the data folder",
    )
    ca_key_password: SecretStr = certificates(
        "CSMS_CA_KEY_PASSWORD",
        SecretStr(""),
        "Password of the private key of the own CA.",
        accepts="any text",
        unset="the key is not encrypted",
    )
    certificate_approval: Annotated[Literal["by_hand", "automatic"], LowerCase] = certificates(
        "CSMS_CERTIFICATE_APPROVAL",
        "by_hand",
        "Whether a certificate request that leaves no doubt is approved by an administrator or at once.",
        mutable=True,
        risk="With “automatic” nobody looks at a request before it is signed.",
    )
    certificate_organization: str = certificates(
        "CSMS_CERTIFICATE_ORGANIZATION",
        "",
        "Organization (O) that a certificate request must name; charge points have it as CpoName.",
        accepts="any text",
        unset="any will do",
        mutable=True,
    )
    certificate_days: int = certificates(
        "CSMS_CERTIFICATE_DAYS",
        365,
        "How long certificates of the own CA are valid, at most until the CA's own ends.",
        unit="days",
        low=1,
        high=3650,
        mutable=True,
    )
    v2g_roots: OptionalFile = certificates(
        "CSMS_V2G_ROOTS",
        "",
        "Root certificates in PEM form by which contract certificates of cars (ISO 15118) are checked, and the CAs "
        "below them that responders (OCSP) leave out of their answers.",
        accepts="the path of a file",
        unset="no contract certificate is accepted by its chain",
    )
    v2g_ca_certificate: OptionalFile = certificates(
        "CSMS_V2G_CA_CERTIFICATE",
        "",
        "Certificate of the CA that signs the V2G certificates of charge points, followed by its issuers.",
        accepts="the path of a file",
        unset="the own CA signs them, too",
    )
    v2g_ca_key: OptionalFile = certificates(
        "CSMS_V2G_CA_KEY",
        "",
        "Private key of the CA in CSMS_V2G_CA_CERTIFICATE, in PEM form.",
        accepts="the path of a file",
        unset="the own CA signs them, too",
    )
    v2g_ca_key_password: SecretStr = certificates(
        "CSMS_V2G_CA_KEY_PASSWORD",
        SecretStr(""),
        "Password of the private key in CSMS_V2G_CA_KEY.",
        accepts="any text",
        unset="the key is not encrypted",
    )
