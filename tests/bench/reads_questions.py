"""What the API is asked in the benchmark of reads: every route that can be read, as programs and people use it.

Words in braces stand for something else in every request: {cp} a charge point, {busy} the one that talks most, {tx} a
transaction, {active} one that goes on, {modern} a charge point of OCPP 2.x, and so on, see SAMPLES.
"""

from collections.abc import Iterator
from dataclasses import dataclass

COUNTS = "counts rows, at most 100,000"
TEXT = "looks into texts"
SCAN = "reads a row of each charge point"
MOST = "reads the sessions of the window"
FEW = "few rows, each is read"
CONNECTIONS = "reads every connection in the window"
WINDOW = "reads the window until a page is full"

API = "/api/v1/"


@dataclass(frozen=True)
class Question:
    """One URL, or one for each sample. `why` it may take long: what no index serves."""

    path: str
    why: str = ""
    deep: bool = False
    """The page behind many thousand rows instead of the first."""

    @property
    def route(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]

    @property
    def title(self) -> str:
        """What the table calls it."""
        return self.path + (" (deep)" if self.deep else "")


# Route -> what follows it: a query, with why it may take long where no index serves it. "deep" is a cursor.
ROUTES: dict[str, tuple[str | tuple[str, str], ...]] = {
    "summary/": ("",),
    "charge-points/": (
        "", "deep", "sort=name", "sort=-name", "site={site}", "label=region:r3", "status=Faulted", "faulted=true",
        "online=true", "registration=pending", ("sort=-last_seen_at", SCAN), ("sort=vendor", SCAN),
        ("vendor=vendor 3&model=model 13", SCAN), ("q=0042", TEXT), ("count=true", COUNTS),
    ),
    "charge-points/{cp}/": ("",),
    "charge-points/{cp}/frames/": ("", "sort=at", "action=MeterValues", "direction=out", "message_id=m1"),
    "charge-points/{busy}/frames/": (
        "", "deep", "verdict=deviant", ("text=nothing", TEXT), ("transaction_id=7", TEXT),
        ("count=true", COUNTS),
    ),
    "charge-points/{cp}/connections/": ("", "sort=closed_at", "open=true"),
    "charge-points/{cp}/status-history/": ("", "status=Charging"),
    "charge-points/{busy}/status-history/": ("", "deep", ("count=true", COUNTS)),
    "charge-points/{cp}/offline-windows/": ("", "from={month}"),
    "charge-points/{cp}/uptime/": ("", "from={month}"),
    "charge-points/{cp}/meter-values/": (
        "", "from={month}", "from={month}&order=oldest", "connector_id=1", "from={month}&measurand=Voltage",
    ),
    "charge-points/{cp}/meter-values/series/": ("", "from={month}&figure=power_w"),
    "charge-points/{cp}/transactions/": ("", "sort=-energy_wh", "status=ended", "from={month}"),
    "charge-points/{cp}/commands/": ("",),
    "charge-points/{cp}/ocpp/": ("",),
    "connectors/": (
        "", "deep", "status=Faulted", "faulted=true", "site={site}", "cp_id={cp}", "sort=-status_at",
        "sort=received_at", ("sort=site", SCAN), ("sort=status", SCAN), ("count=true", COUNTS),
    ),
    "sites/": (("", SCAN), ("q=19", SCAN)),
    "commands/": ("",),
    "commands/ledger/": (
        "", "deep", "cp_id={cp}", "type=reset", "status=queued", "by=alice", "from={month}", ("effect=true", WINDOW),
        ("count=true", COUNTS),
    ),
    "commands/{command}/": ("",),
    "connections/": (
        "", "deep", "open=true", "cp_id={cp}", "sort=opened_at", "sort=-closed_at", "from={month}",
        ("close_code=1003", WINDOW), ("from={month}&peer=10.0.0.7", WINDOW), ("count=true", COUNTS),
    ),
    "status-history/": (
        "", "deep", "cp_id={cp}", "status=Charging", ("error_code=GroundFailure", WINDOW), ("count=true", COUNTS),
    ),
    "uptime/": (
        "", "deep", "site={site}", ("from={month}", CONNECTIONS), ("sort=share", SCAN),
        ("sort=-offline_seconds&from={month}", SCAN),
    ),
    "frames/": (
        "", "deep", "cp_id={cp}", "connection_id={connection}", "verdict=deviant", ("action=Nothing", WINDOW),
        ("text=nothing", TEXT), ("count=true", COUNTS),
    ),
    "transactions/": (
        "", "deep", ("limit=1000", "writes 1,000 rows"), "status=active", "status=ended", "cp_id={cp}", "site={site}",
        "id_token={token}",
        "orphan=true", "offline=true", "anomalies=any", "anomalies=meter_jumped", "reserved=true",
        "end_source=inferred", "stop_reason=EVDisconnected", "from={month}", "from={month}&to={week}",
        "stopped_from={week}", "energy_min_wh=59000", "sort=started_at", "sort=-stopped_at", "sort=-energy_wh",
        "sort=-duration_seconds", "sort=energy_wh", "status=active&sort=started_at", ("stop_reason=Nothing", WINDOW),
        ("q=TOKEN42", TEXT), ("count=true", COUNTS),
    ),
    "transactions/aggregates/": (
        ("", MOST), ("from={month}&group_by=site", MOST), ("by=hour", MOST),
        "from={month}&cp_id={cp}&group_by=connector", "from={month}&id_token={token}",
        ("from={month}&site={site}", MOST),
        ("from={month}&group_by=charge_point", MOST),
    ),
    "transactions/{tx}/": ("",),
    "transactions/{active}/": ("",),
    "transactions/{tx}/meter-values/": ("", "order=oldest", "measurand=Voltage&phase=L1", "count=true"),
    "transactions/{tx}/meter-values/series/": ("", "figure=power_w", "measurand=Voltage"),
    "transactions/{active}/frames/": ("",),
    "transactions/{tx}/cost/": ("",),
    "transactions/{numbered}/events/": ("", "event_type=Updated", "offline=true"),
    "transactions/{numbered}/signed-readings/": ("",),
    "transactions/{numbered}/signed-readings/file/": ("",),
    "id-tokens/": ("", "deep", "parent=nobody", ("q=token42", TEXT), ("count=true", COUNTS)),
    "id-tokens/{token}/": ("",),
    "unknown-tokens/": ("", "count=true"),
    "refused-handshakes/": (
        "", "since={week}", ("sort=-count", FEW), ("q=X99", TEXT), ("count=true", COUNTS),
    ),
    "me/": ("",),
    "api-tokens/": ("",),
    "api-tokens/{api_token}/": ("",),
    "api-tokens/{api_token}/changes/": ("", "count=true"),
    "charge-points/{cp}/availability/": ("",),
    "bulk-jobs/": ("", "state=finished"),
    "bulk-jobs/{bulk}/": ("",),
    "bulk-jobs/{bulk}/targets/": ("", "state=accepted", "sort=cp_id"),
    "certificate-requests/": ("", "open=true", "cp_id={cp}", "status=installed"),
    "certificate-requests/{request}/": ("",),
    "certificates/": ("", "deep", "cp_id={cp}", "use=charge_point", "expires_before={week}"),
    "charge-points/{cp}/certificates/": ("",),
    "charge-points/{cp}/charging-profiles/": ("", "held=true"),
    "charge-points/{cp}/composite-schedules/": ("",),
    "charge-points/{cp}/configuration/": ("",),
    "charge-points/{cp}/configuration/history/": ("",),
    "charge-points/{cp}/configuration/desired/": ("",),
    "charge-points/{cp}/boots/": ("",),
    "charge-points/{read}/configuration/results/{reading}/": ("",),
    "charge-points/{modern}/evses/": ("",),
    "charge-points/{modern}/device-model/": (
        "", "limit=1000", "component=component3", "variable=variable7", "evse_id=1",
    ),
    "charge-points/{modern}/device-events/": ("", "problem=true", "component=evse", "since={week}"),
    "charge-points/{modern}/reports/": ("",),
    "charge-points/{modern}/provisioning/": ("",),
    "charge-points/{modern}/network-profiles/": ("", "slot=1"),
    "charge-points/{modern}/security-profile-changes/": ("",),
    "security-profile-changes/{change}/": ("",),
    "desired-configurations/": ("",),
    "log-jobs/": ("", "deep", "state=running", "cp_id={cp}"),
    "log-jobs/{log}/": ("",),
    "charge-points/{cp}/log-jobs/": ("",),
    "charge-points/{cp}/log-reports/": ("",),
    "files/": ("", "cp_id={cp}"),
    "files/{file}/": ("",),
    "charge-points/{cp}/files/": ("",),
    "firmware-jobs/": ("", "deep", "state=running", "cp_id={cp}"),
    "firmware-jobs/{firmware}/": ("",),
    "charge-points/{cp}/firmware-jobs/": ("",),
    "charge-points/{cp}/firmware-reports/": ("",),
    "charge-points/{cp}/local-list/": ("",),
    "charge-points/{cp}/local-list/entries/": ("",),
    "charge-points/{cp}/unexplained-charging/": ("", "open=true"),
    "reservations/": ("", "deep", "status=accepted", "cp_id={cp}", "id_token={token}", ("count=true", COUNTS)),
    "reservations/{reservation}/": ("",),
    "charge-points/{cp}/reservations/": ("",),
    "security-events/": (
        "", "deep", "critical=true", "cp_id={cp}", "since={week}", ("type=Nothing", WINDOW), ("count=true", COUNTS),
    ),
    "charge-points/{cp}/security-events/": ("",),
    "tariffs/": ("",),
    "tariffs/{tariff}/": ("",),
    "tariffs/{tariff}/assignments/": ("",),
    "tariff-assignments/{assignment}/": ("",),
    "charge-points/{cp}/traits/": ("",),
    "charge-points/{cp}/aliases/": ("",),
    "model-traits/": ("",),
    "model-traits/{model_traits}/": ("",),
    "alerts/": (
        "", "deep", "open=true", "state=firing", "severity=critical", "rule=connector-faulted", "cp_id={cp}",
        "from={week}", "sort=fired_at", "sort=-resolved_at", "incident={incident}", ("count=true", COUNTS),
    ),
    "alerts/{alert}/": ("",),
    "alert-rules/": ("",),
    "alert-rules/{rule}/": ("",),
    "alert-conditions/": ("",),
    "alert-figures/": ("", "from={week}", "from={week}&rule={rule}"),
    "alert-silences/": ("", "deep", "state=active", "sort=over_at"),
    "alert-silences/{silence}/": ("",),
    "alert-incidents/": ("", "deep", "open=true", "shared=site"),
    "alert-incidents/{incident}/": ("",),
    "alert-channels/": ("",),
    "alert-channels/{channel}/": ("",),
    "alert-channel-kinds/": ("",),
    "alert-routes/": ("",),
    "alert-routes/{rule}/": ("",),
    "notifications/": ("", "deep", "state=failed", "channel_id={channel}", ("count=true", COUNTS)),
    "notifications/{notification}/": ("",),
    "prometheus/rules/": ("",),
    "prometheus/rules/{prometheus_rule}/": ("",),
    "events/": (
        "", "after={position}", "after={position}&limit=1000", "after={position}&cp_id={cp}",
        "after={position}&type=tx.*", "from={week}",
    ),
    "events/{event}/": ("",),
    "events/types/": ("",),
    "webhooks/": ("",),
    "webhooks/{endpoint}/": ("",),
    "webhooks/{endpoint}/changes/": ("",),
    "webhooks/deliveries/": ("", "deep", "state=dead", "webhook_id={endpoint}", "cp_id={cp}"),
    "webhooks/deliveries/{delivery}/": ("",),
    "backend/sessions/": ("", "deep", "state=dead"),
    "deviations/": (("", FEW), "vendor=vendor 3&model=model 13"),
    "settings/": ("",),
    "settings/{setting}/": ("",),
    "settings/{setting}/changes/": ("",),
    "stuck-sessions/": (("", SCAN),),
    "transactions/{tx}/corrections/": ("",),
}  # fmt: skip

# What a word in braces stands for: a SELECT of texts.
SAMPLES = {
    "cp": "SELECT cp_id FROM chargers_chargepoint WHERE id % 7 = 3 ORDER BY md5(cp_id) LIMIT 100",
    "busy": "SELECT cp_id FROM chargers_chargepoint ORDER BY cp_id LIMIT 1",
    "site": "SELECT DISTINCT site FROM chargers_chargepoint ORDER BY site LIMIT 50",
    "month": "SELECT to_char(now() AT TIME ZONE 'UTC' - interval '29 days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
    "week": "SELECT to_char(now() AT TIME ZONE 'UTC' - interval '6 days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
    "tx": "SELECT id::text FROM transactions_transaction WHERE status = 'ended' ORDER BY md5(id::text) LIMIT 100",
    "active": "SELECT id::text FROM transactions_transaction WHERE status = 'active' ORDER BY md5(id::text) LIMIT 100",
    "modern": "SELECT cp_id FROM chargers_chargepoint WHERE protocol = 'ocpp2.0.1' ORDER BY md5(cp_id) LIMIT 100",
    "numbered": "SELECT id::text FROM transactions_transaction WHERE last_seq IS NOT NULL AND status = 'ended' "
    "ORDER BY md5(id::text) LIMIT 100",
    # A charge point and what was read of it: both go on together.
    "read": "SELECT c.cp_id FROM chargers_command m JOIN chargers_chargepoint c ON c.id = m.charge_point_id "
    "WHERE m.type = 'get-configuration' ORDER BY m.id DESC LIMIT 50",
    "reading": "SELECT id::text FROM chargers_command WHERE type = 'get-configuration' ORDER BY id DESC LIMIT 50",
    # Of the one that is `busy`.
    "frame": "SELECT id::text FROM chargers_frame WHERE charge_point_id = (SELECT id FROM chargers_chargepoint "
    "ORDER BY cp_id LIMIT 1) ORDER BY id DESC LIMIT 50",
    "id_token": "SELECT id::text FROM transactions_idtoken ORDER BY md5(id_token) LIMIT 100",
    "token": "SELECT id_token FROM transactions_idtoken ORDER BY md5(id_token) LIMIT 100",
    "connection": "SELECT connection_id::text FROM chargers_chargepoint WHERE connection_id IS NOT NULL LIMIT 50",
    "position": "SELECT position::text FROM events_event ORDER BY md5(id::text) LIMIT 100",
    "setting": "SELECT 'CSMS_RETAIN_FRAMES_DAYS'",
    "rule": "SELECT 'charge-point-offline'",
    "api_token": "SELECT id::text FROM access_apitoken LIMIT 1",
} | {
    word: f"SELECT id::text FROM {table} ORDER BY id DESC LIMIT 50"
    for word, table in {
        "alert": "alerts_alert",
        "silence": "alert_silences_silence",
        "incident": "alert_incidents_incident",
        "channel": "alert_channels_channel",
        "notification": "alert_notifications_notification",
        "prometheus_rule": "alerts_prometheus_prometheusrule",
        "event": "events_event",
        "endpoint": "webhooks_endpoint",
        "delivery": "webhooks_delivery",
        "command": "chargers_command",
        "bulk": "bulk_bulkjob",
        "request": "certificates_signingrequest",
        "log": "diagnostics_logjob",
        "file": "diagnostics_storedfile",
        "firmware": "firmware_firmwarejob",
        "change": "network_profilechange",
        "reservation": "reservations_reservation",
        "tariff": "tariffs_tariff",
        "assignment": "tariffs_assignment",
        "model_traits": "traits_modeltraits",
    }.items()
}


def questions() -> Iterator[Question]:
    """Yield everything that is asked, route by route."""
    for route, queries in ROUTES.items():
        for each in queries:
            query, why = each if isinstance(each, tuple) else (each, "")
            deep = query == "deep"
            path = f"{route}?{query}" if query and not deep else route
            yield Question(path, why, deep)
