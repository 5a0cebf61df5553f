"""The settings of what leaves the house, how much is stored at once, and how long it is kept."""

from functools import partial

from pydantic import BaseModel

from csms.core.config_types import (
    Networks,
    setting,
)

outbound = partial(setting, category="Callbacks and webhooks")
writer = partial(setting, category="Writer")
kept_for = partial(
    setting,
    category="Retention",
    unit="days",
    zero="for ever",
    high=36_500,
    mutable=True,
    risk="What is older than that is removed within the hour, for good.",
)


class Keeping(BaseModel):
    """What leaves the house, how much is stored at once, and how long it is kept."""

    outbound_allow_http: bool = outbound(
        "CSMS_OUTBOUND_ALLOW_HTTP",
        False,
        "Post to http:// URLs, too; whoever stands in between can then read what is posted, though not change it.",
    )
    outbound_networks: Networks = outbound(
        "CSMS_OUTBOUND_NETWORKS",
        (),
        "Networks inside the house to which callbacks, webhooks and alerts may be sent all the same, such as a "
        "backend's or a mail relay's; "
        "whoever has a token with the scope `command` can have requests sent there.",
        accepts="IP addresses or networks separated by commas, such as 10.20.0.0/16",
        unset="only public addresses",
    )
    outbound_deadline: int = outbound(
        "CSMS_OUTBOUND_DEADLINE",
        10,
        "Longest time for one request to a receiver, from its name to its answer; then it is tried again later.",
        unit="s",
        low=1,
        high=60,
        mutable=True,
    )

    writer_batch_max: int = writer(
        "CSMS_WRITER_BATCH_MAX",
        512,
        "Most messages stored in one database transaction; 1 commits each by itself, which is far slower.",
        unit="messages",
        low=1,
        high=100_000,
    )
    writer_queue_max: int = writer(
        "CSMS_WRITER_QUEUE_MAX",
        20_000,
        "Most messages that may wait to be stored; beyond it charge points are read more slowly.",
        unit="messages",
        low=1,
        high=10_000_000,
    )

    retain_frames_days: int = kept_for(
        "CSMS_RETAIN_FRAMES_DAYS",
        7,
        "How long the log of messages is kept; on PostgreSQL it goes by whole days.",
    )
    retain_meter_values_days: int = kept_for(
        "CSMS_RETAIN_METER_VALUES_DAYS",
        400,
        "How long meter values are kept, and what signs them; on PostgreSQL meter values go by whole months. "
        "Transactions and their totals stay.",
    )
    retain_events_days: int = kept_for(
        "CSMS_RETAIN_EVENTS_DAYS",
        14,
        "How long events of the outbox are kept, and can be replayed; on PostgreSQL they go by whole days. What has "
        "not been delivered yet stays.",
    )
    retain_connections_days: int = kept_for(
        "CSMS_RETAIN_CONNECTIONS_DAYS",
        400,
        "How long closed connections, ended commands and their callbacks, reports of connector states, events of "
        "components and ended server processes are kept.",
    )
    retain_refusals_days: int = kept_for(
        "CSMS_RETAIN_REFUSALS_DAYS", 30, "How long refused handshakes are kept."
    )
    retain_security_events_days: int = kept_for(
        "CSMS_RETAIN_SECURITY_EVENTS_DAYS",
        400,
        "How long security events, ended certificate requests and what is known of removed certificates are kept.",
    )

    retain_alerts_days: int = kept_for("CSMS_RETAIN_ALERTS_DAYS", 400, "How long resolved alerts are kept.")
    retain_figures_days: int = kept_for(
        "CSMS_RETAIN_FIGURES_DAYS",
        400,
        "How long it is kept what the network looked like each minute, and what each day added up to.",
    )
    retain_audit_days: int = kept_for(
        "CSMS_RETAIN_AUDIT_DAYS", 1100, "How long it is kept who changed what in the house."
    )
    retain_files_days: int = kept_for(
        "CSMS_RETAIN_FILES_DAYS", 90, "How long files that charge points uploaded are kept."
    )
