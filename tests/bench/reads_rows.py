"""The rest of the large network: what charge points said and were told, a table a line.

A column that may not be null and is not named here gets zero, false, an empty text or the present.
"""

from dataclasses import dataclass

import psycopg

EMPTY = {
    "boolean": "false",
    "jsonb": "'{}'::jsonb",
    "timestamp with time zone": "%(now)s",
    "uuid": "gen_random_uuid()",
    "character varying": "''",
    "text": "''",
}  # and numbers are 0


@dataclass(frozen=True)
class Rows:
    """`count` rows of a table, numbered by n; each is of the charge point c, whose number is `cp`, and at `at`."""

    table: str
    count: str
    columns: dict[str, str]
    charge_point: str = "1 + n %% %(charge_points)s"
    """The number of the charge point."""
    age: str = "n * interval '1 minute'"
    """How long ago; rows are written in order of time."""


def statement(connection: "psycopg.Connection[tuple[object, ...]]", rows: Rows) -> str:
    """Return the SQL that makes the rows, with what the table itself demands."""
    demanded = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s "
        "AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'",
        [rows.table],
    ).fetchall()
    values = {str(name): EMPTY.get(str(kind), "0") for name, kind in demanded} | rows.columns
    # Reserved words are names of columns, too.
    names = ", ".join(f'"{name}"' for name in values)
    return (
        f"INSERT INTO {rows.table} ({names}) SELECT {', '.join(values.values())} "
        f"FROM (SELECT n, {rows.charge_point} AS cp, %(now)s - ({rows.age}) AS at "
        f"FROM generate_series(1, {rows.count}) n) numbered "
        "JOIN numbered_charge_points c ON c.number = numbered.cp ORDER BY at"
    )


ID, CP, FLEET = "pg_temp.id7(at, n)", "c.id", "%(charge_points)s"
JOB = {
    "id": ID, "charge_point_id": CP, "command_id": "gen_random_uuid()", "request_id": "n", "created_at": "at",
    "state": "CASE WHEN n %% 1000 = 0 THEN 'running' ELSE 'succeeded' END", "location": "'ftp://files.example/' || n",
}  # fmt: skip
# Every tenth message is of one charge point that never stops talking.
BUSY = "CASE WHEN n %% 20 < 2 THEN 1 ELSE 1 + n / 2 %% %(charge_points)s END"
PROFILE = (
    '{"purpose": "TxDefaultProfile", "kind": "Relative", "schedule": {"unit": "A", "periods": '
    '[{"start_period": 0, "limit": 16}]}}'
)
CALL = """CASE WHEN n %% 2 = 0
    THEN '[2,"m' || n / 2 || '","MeterValues",{"connectorId":1,"transactionId":' || cp - 1 || ',"meterValue":[{'
        || '"timestamp":"2026-11-21T10:00:00Z","sampledValue":[{"value":"' || n || '","unit":"Wh"}]}]}]'
    ELSE '[3,"m' || n / 2 || '",{}]' END"""

ROWS = (
    Rows(
        "chargers_frame",
        "%(frames)s",
        {
            "id": ID, "charge_point_id": CP, "connection_id": "coalesce(c.connection_id, pg_temp.id7(%(now)s, cp))",
            "at": "at", "direction": "CASE n %% 2 WHEN 0 THEN 'in' ELSE 'out' END", "kind": "2 + n %% 2",
            "message_id": "'m' || n / 2", "action": "'MeterValues'", "text": CALL,
            "verdict": "CASE WHEN n %% 5000 = 0 THEN 'deviant' ELSE 'ok' END",
            "latency_us": "CASE n %% 2 WHEN 1 THEN 2000 END",
        },
        charge_point=BUSY,
        # The answer, which is odd, comes after its call. All of it is of the last two days.
        age="(%(frames)s - n) * (interval '2 days' / %(frames)s)",
    ),
    Rows(
        "chargers_statusreport",
        "%(frames)s / 2",
        {
            "id": ID, "charge_point_id": CP, "connector_number": "1 + n %% 2", "status_at": "at", "received_at": "at",
            "status": "(ARRAY['Available', 'Preparing', 'Charging', 'Finishing'])[1 + n %% 4]",
            "error_code": "CASE WHEN n %% 500 = 0 THEN 'GroundFailure' ELSE 'NoError' END",
        },
        charge_point=BUSY,
        age="n * (interval '30 days' / (%(frames)s / 2))",
    ),
    # Twenty that ended, before the one of FLEET; a tenth of the charge points loses its connection far more often.
    Rows(
        "chargers_connection",
        "%(charge_points)s * 20",
        {
            "id": ID, "charge_point_id": CP, "process_id": "(SELECT id FROM chargers_process LIMIT 1)",
            "protocol": "'ocpp1.6'", "peer": "'10.0.0.' || n %% 250", "opened_at": "at",
            "closed_at": "at + interval '3 days'", "close_code": "1000 + n %% 7",
        },
        charge_point="1 + n %% CASE n %% 2 WHEN 0 THEN %(charge_points)s ELSE greatest(1, %(charge_points)s / 10) END",
        age="interval '6 hours' + n * (interval '90 days' / (%(charge_points)s * 20))",
    ),
    Rows(
        "chargers_command",
        "%(charge_points)s * 10",
        {
            "id": ID, "charge_point_id": CP, "type": "(ARRAY['reset', 'trigger-message', 'remote-start'])[1 + n %% 3]",
            "status": "CASE WHEN n %% 1000 = 0 THEN 'queued' WHEN n %% 50 = 0 THEN 'failed' ELSE 'accepted' END",
            "by": "CASE WHEN n %% 100 = 0 THEN 'alice' ELSE 'token backend' END", "created_at": "at",
            "expires_at": "at + interval '1 minute'", "action": "'Reset'", "answer": """'{"status":"Accepted"}'""",
        },
    ),
    Rows(
        "chargers_refusedhandshake",
        "10000",
        {
            "identity": "'X' || n", "peer": "'10.0.0.' || n %% 250", "reason": "'unknown'", "http_status": "401",
            "count": "3", "first_at": "at - interval '9 days'", "last_at": "at",
        },
    ),
    Rows(
        "reservations_reservation",
        "%(charge_points)s * 5",
        {
            "id": ID, "number": "n", "charge_point_id": CP, "connector_number": "1 + n %% 2",
            "id_token": "'TOKEN' || 1 + n %% 5000", "expires_at": "at + interval '1 hour'", "created_at": "at",
            "status": "CASE WHEN n <= 60 THEN 'accepted' ELSE 'used' END", "command_id": "gen_random_uuid()",
        },
    ),
    Rows(
        "security_events_securityevent",
        "%(charge_points)s * 10",
        {
            "id": ID, "charge_point_id": CP, "type": "(ARRAY['ResetOrReboot', 'InvalidMessages'])[1 + n %% 2]",
            "critical": "n %% 200 = 0", "event_at": "at", "received_at": "at",
        },
    ),
    Rows("firmware_firmwarejob", FLEET, JOB),
    Rows("diagnostics_logjob", FLEET, JOB),
    *(
        Rows(
            table,
            "%(charge_points)s * 4",
            {"id": ID, "charge_point_id": CP, "status": f"'{word}'", "received_at": "at", "last_at": "at"},
        )
        for table, word in (("firmware_firmwarereport", "Installed"), ("diagnostics_logreport", "Uploaded"))
    ),
    Rows(
        "diagnostics_storedfile",
        FLEET,
        {
            "id": ID, "charge_point_id": CP, "name": "'log-' || n || '.tar.gz'", "content": "'file-' || n",
            "received_at": "at",
        },
    ),
    Rows(
        "configuration_configurationkey",
        "%(charge_points)s * 40",
        {
            "charge_point_id": CP, "name": "'Key' || n / %(charge_points)s", "folded": "'key' || n / %(charge_points)s",
            "value": "n::text", "known": "true", "reported_at": "%(now)s",
        },
    ),
    Rows(
        "configuration_configurationchange",
        "%(charge_points)s * 20",
        {"id": ID, "charge_point_id": CP, "name": "'Key' || n %% 40", "new_value": "n::text", "at": "at"},
    ),
    Rows(
        "configuration_bootreport",
        "%(charge_points)s * 10",
        {"id": ID, "charge_point_id": CP, "at": "at"},
    ),
    Rows(
        "configuration_desiredvalue",
        FLEET,
        {"charge_point_id": CP, "name": "'Key1'", "folded": "'key1'", "value": "'1'", "at": "at"},
    ),
    Rows(
        "certificates_signingrequest",
        FLEET,
        {
            "id": ID, "charge_point_id": CP, "status": "CASE WHEN n <= 20 THEN 'pending' ELSE 'installed' END",
            "csr": "'-'", "problems": "'[]'", "received_at": "at",
            "closed_at": "CASE WHEN n > 20 THEN at END",
        },
    ),
    Rows(
        "certificates_installedcertificate",
        "%(charge_points)s * 2",
        {
            "id": ID, "charge_point_id": CP, "use": "(ARRAY['central_system_root', 'charge_point'])[1 + n %% 2]",
            "serial_number": "n::text", "not_before": "at", "installed_at": "at",
            "not_after": "at + interval '2 years'",
        },
    ),
    Rows(
        "charging_profiles_installedprofile",
        "%(charge_points)s * 3",
        {
            "id": ID, "charge_point_id": CP, "profile_id": "n", "connector_number": "1",
            "purpose": "'TxDefaultProfile'", "profile": f"'{PROFILE}'",
            "status": "CASE WHEN n <= %(charge_points)s THEN 'installed' ELSE 'replaced' END", "created_at": "at",
            "command_id": "gen_random_uuid()",
        },
    ),
    Rows(
        "charging_profiles_compositeschedule",
        "%(charge_points)s * 2",
        {
            "id": ID, "charge_point_id": CP, "command_id": "gen_random_uuid()", "connector_number": "1",
            "answer": "'Accepted'", "received_at": "at", "periods": "'[]'",
        },
    ),
    Rows(
        "local_lists_locallist",
        FLEET,
        {"charge_point_id": CP, "policy": "'tokens'", "tokens": "'[]'", "groups": "'[]'"},
    ),
    Rows(
        "remote_control_unexplainedcharging",
        "%(charge_points)s / 10",
        {"id": ID, "charge_point_id": CP, "connector_number": "1", "since": "at", "noticed_at": "at", "ended_at": "at"},
    ),
    Rows(
        "traits_identityalias",
        "%(charge_points)s / 10",
        {"identity": "'ALIAS-' || n", "charge_point_id": CP, "created_at": "at"},
    ),
    Rows("traits_modeltraits", "20", {"vendor": "'vendor ' || n", "changed_at": "at"}),
    Rows(
        "traits_deviation",
        "5000",
        {
            "vendor": "'vendor ' || n %% 5", "model": "'model ' || n %% 20", "firmware": "'1.' || n %% 9",
            "action": "'MeterValues'", "field": "'f' || n", "rule": "'type'", "verdict": "'deviant'", "key": "'k' || n",
            "count": "n", "first_at": "at", "last_at": "at", "last_cp_id": "c.cp_id",
        },
    ),
    Rows(
        "transactions_unknowntoken",
        "2000",
        {
            "id": ID, "id_token": "'STRANGER' || n", "canonical": "'STRANGER' || n", "charge_point_id": CP,
            "count": "2", "first_at": "at", "last_at": "at",
        },
    ),
    Rows(
        "bulk_bulkjob",
        "500",
        {
            "id": ID, "type": "'reset'", "total": "100", "rate_per_minute": "60", "if_offline": "'refuse'",
            "by": "'alice'", "created_at": "at", "state": "'finished'", "closed_at": "at", "expires_in": "60",
        },
    ),
    Rows(
        "tariffs_tariff",
        "200",
        {"id": ID, "name": "'tariff ' || n", "currency": "'EUR'", "created_at": "at", "energy_price": "0.49"},
    ),
    # Of the last eleven days: what is kept.
    Rows(
        "events_event",
        "200000",
        {
            "id": ID, "type": "(ARRAY['cp.meter', 'cp.status', 'tx.started'])[1 + n %% 3]", "cp_id": "c.cp_id",
            "schema_version": "1", "occurred_at": "at", "recorded_at": "at", "payload": "'{}'",
            # Written from the oldest, which has the greatest n.
            "position": "200001 - n", "sequence": "200001 - n",
        },
        age="n * interval '4.5 seconds'",
    ),
    Rows(
        "webhooks_endpoint",
        "20",
        {
            "id": ID, "name": "'endpoint ' || n", "url": "'https://hooks.example/' || n", "origin": "'https://hooks'",
            "types": """'["*"]'""", "charge_points": "'[]'", "directions": "'[]'", "actions": "'[]'",
            "contains": "'[]'", "created_at": "at",
        },
    ),
    Rows(
        "backend_sessionreport",
        "%(charge_points)s * 5",
        {
            "id": ID, "kind": "(ARRAY['open', 'close'])[1 + n %% 2]", "cp_id": "c.cp_id", "transaction_id": "n",
            "body": "'{}'", "created_at": "at", "state": "'delivered'", "delivered_at": "at",
        },
    ),
    Rows(
        "alert_silences_silence",
        "1000",
        {
            "id": ID, "matchers": """'[{"name": "site", "op": "=", "value": "Depot"}]'::jsonb""", "zone": "'UTC'",
            "comment": "'works'", "starts_at": "at", "ends_at": "at + interval '1 hour'", "window_from": "at",
            "window_to": "at + interval '1 hour'", "over_at": "at + interval '1 hour'",
        },
    ),
    Rows(
        "alert_incidents_incident",
        "1000",
        {
            "id": ID, "label": "'site'", "value": "'site ' || n", "began_at": "at", "joined_at": "at",
            "ended_at": "CASE WHEN n > 20 THEN at + interval '1 hour' END",
        },
    ),
    # One in fifty is open, half of these acknowledged.
    Rows(
        "alerts_alert",
        "%(charge_points)s * 5",
        {
            "id": ID, "charge_point_id": CP, "connector_number": "1", "subject": "'subject ' || n",
            "rule": "(ARRAY['charge-point-offline', 'connector-faulted'])[1 + n %% 2]", "severity": "'critical'",
            "state": "CASE n %% 100 WHEN 0 THEN 'firing' WHEN 50 THEN 'acknowledged' ELSE 'resolved' END",
            "text": "'It has lasted for ' || n", "began_at": "at", "fired_at": "at + interval '15 minutes'",
            "resolved_at": "CASE WHEN n %% 50 <> 0 THEN at + interval '1 hour' END",
        },
    ),
    # Switched off, for nobody is to be told of the alerts above.
    Rows(
        "alert_channels_channel",
        "20",
        {"id": ID, "name": "'channel ' || n", "kind": "'webhook'", "enabled": "false", "created_at": "at"},
    ),
    Rows(
        "alert_notifications_notification",
        "%(charge_points)s * 5",
        {
            "id": ID, "kind": "'alert'", "channel_name": "'channel ' || 1 + n %% 20",
            "channel_id": "(SELECT id FROM alert_channels_channel WHERE name = 'channel ' || 1 + n %% 20)",
            "severity": "'critical'", "state": "CASE n %% 50 WHEN 0 THEN 'failed' ELSE 'sent' END", "attempts": "1",
            "created_at": "at", "last_at": "at", "sent_at": "CASE WHEN n %% 50 <> 0 THEN at END", "status": "200",
            "title": "'It has lasted for ' || n",
        },
    ),
    Rows(
        "alerts_prometheus_prometheusrule",
        "100",
        {
            "id": ID, "name": "'Rule' || n", "expression": "'up == 0'", "severity": "'warning'", "created_at": "at",
            "summary": "'It is away'", "labels": "'{}'::jsonb",
        },
    ),
)  # fmt: skip

# What hangs on rows of the above.
CHILDREN = """
INSERT INTO local_lists_locallistentry (local_list_id, id_token, key, status, parent)
SELECT l.id, 'TOKEN' || k, 'token' || k, 'Accepted', '' FROM local_lists_locallist l, generate_series(1, 20) k;

INSERT INTO bulk_bulktarget (job_id, position, charge_point_id, state, code, detail, answer_status)
SELECT j.id, c.number, c.id, 'accepted', '', '', 'Accepted'
FROM bulk_bulkjob j JOIN numbered_charge_points c ON c.number <= 100;

INSERT INTO tariffs_assignment (id, tariff_id, charge_point_id, site, valid_from, created_at)
SELECT pg_temp.id7(%(now)s - interval '1 year', c.number), (SELECT id FROM tariffs_tariff WHERE name = 'tariff '
    || 1 + c.number %% 200), c.id, '', %(now)s - interval '1 year', %(now)s - interval '1 year'
FROM numbered_charge_points c;

INSERT INTO tariffs_cost (transaction_id, tariff_id, prices, currency, energy_wh, charging_seconds, parking_seconds,
    components, net, tax, total, priced_at)
SELECT t.id, (SELECT id FROM tariffs_tariff WHERE name = 'tariff 1'), '{}', 'EUR', t.energy_wh, t.duration_seconds, 0,
    '[]', 4.9, 0.98, 5.88, t.stopped_at
FROM transactions_transaction t WHERE t.status = 'ended';

INSERT INTO access_tokenchange (token_id, at, what, by, details)
SELECT t.id, %(now)s - n * interval '1 minute', 'created', 'alice', '{}'
FROM (SELECT id FROM access_apitoken LIMIT 1) t, generate_series(1, 1000) n;

INSERT INTO events_reader (name, position, holder, error) VALUES ('numbering', 200000, '', '');

INSERT INTO webhooks_delivery (id, endpoint_id, event_id, type, cp_id, position, state, created_at, attempts,
    attempts_before, excerpt, error, status, latency_ms, last_attempt_at, delivered_at)
SELECT pg_temp.id7(e.recorded_at, e.position), w.id, e.id, e.type, e.cp_id, e.position,
    CASE WHEN e.position %% 1000 = 0 THEN 'dead' ELSE 'delivered' END, e.recorded_at, 1, 0, '', '', 204, 20,
    e.recorded_at, CASE WHEN e.position %% 1000 <> 0 THEN e.recorded_at END
FROM events_event e, (SELECT id FROM webhooks_endpoint WHERE name = 'endpoint 1') w;

INSERT INTO webhooks_endpointchange (endpoint, name, at, what, by, details)
SELECT w.id, w.name, %(now)s - n * interval '1 minute', 'tested', 'alice', '{}'
FROM webhooks_endpoint w, generate_series(1, 100) n;

INSERT INTO alerts_alertentry (alert_id, at, what, by, note)
SELECT a.id, a.began_at, what, '', '' FROM alerts_alert a, unnest(ARRAY['began', 'fired']) what;

INSERT INTO alert_channels_step (rule, channel_id, after_minutes)
SELECT 'charge-point-offline', id, 15 FROM alert_channels_channel WHERE name = 'channel 1';

INSERT INTO alert_notifications_part (notification_id, alert_id, what, after_minutes)
SELECT n.id, a.id, 'fired', 0
FROM (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM alert_notifications_notification) n
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM alerts_alert) a USING (nth)
"""
