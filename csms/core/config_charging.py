"""The settings of charge points: who may connect, how they are spoken to, and who signs their certificates."""

from functools import partial
from typing import Annotated, Literal

from pydantic import BaseModel, SecretStr

from csms.core.config_types import (
    LowerCase,
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

    subprotocol_default: Annotated[Literal["", "ocpp1.6"], LowerCase] = protocol(
        "CSMS_SUBPROTOCOL_DEFAULT",
        "",
        "Version assumed for a charge point that offers no subprotocol, as some old ones do.",
        accepts="ocpp1.6",
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
