"""A large network in a migrated PostgreSQL database, made by SQL in about a minute, to measure what reads cost.

`python -m tests.bench.reads_data URL [CHARGE_POINTS TRANSACTIONS READINGS_PER_TRANSACTION FRAMES]`
"""

import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import psycopg

from csms.core.ids import uuid7_floor
from csms.core.partitions import Partitioned, Period
from tests.bench.reads_rows import CHILDREN, ROWS, statement
from tests.bench.reads_rows201 import CHILDREN201, ROWS201, SPEAKING

PREFIX = "CP-"
EVERY_SECONDS = 60  # between two readings of a transaction
DAYS = 90  # over which the transactions lie


@dataclass(frozen=True)
class Size:
    """How much there is; a fiftieth of the transactions is active, half of the charge points are online, a quarter of
    them speaks OCPP 2.x.
    """

    charge_points: int = 10_000
    transactions: int = 100_000
    readings: int = 50
    """Of one transaction."""
    frames: int = 1_000_000


def fill(url: str, size: Size = Size(), *, now: datetime | None = None) -> None:
    """Make the network in an empty, migrated database; the newest readings are of `now`. Analyzed at the end."""
    values: dict[str, Any] = {
        "charge_points": size.charge_points,
        "transactions": size.transactions,
        "readings": size.readings,
        "frames": size.frames,
        "active": size.transactions // 50,
        "now": now or datetime.now(UTC),
        "span": size.readings * EVERY_SECONDS,
        "every": EVERY_SECONDS,
        "step": DAYS * 86400 / size.transactions,
        "prefix": PREFIX,
    }
    with psycopg.connect(url, autocommit=True) as connection:
        # Values are put into the statement by the client: the types of a bare $1 cannot be told.
        cursor = psycopg.ClientCursor(connection)
        cursor.execute(
            "SET work_mem = '256MB'; SET maintenance_work_mem = '256MB'; SET synchronous_commit = off"
        )
        for table, period, days in PARTITIONED:
            partition(
                connection, table, period, since=values["now"] - timedelta(days=days), until=values["now"]
            )
        for sql in STATEMENTS:
            cursor.execute(sql, values)
        for rows in (*ROWS, *ROWS201):
            cursor.execute(statement(connection, rows), values)
        cursor.execute(CHILDREN, values)
        cursor.execute(CHILDREN201, values)
        cursor.execute("VACUUM ANALYZE")
        # What was written goes to the disk now, not while it is read.
        with suppress(psycopg.errors.InsufficientPrivilege):
            cursor.execute("CHECKPOINT")


# As many partitions of the past as a server has by default that has run for long.
PARTITIONED = (
    ("chargers_frame", Period.DAY, 7),
    ("events_event", Period.DAY, 14),
    ("transactions_metervalue", Period.MONTH, 400),
)


def partition(
    connection: "psycopg.Connection[Any]", table: str, period: Period, *, since: datetime, until: datetime
) -> None:
    """Make the partitions of a table from `since` to `until` that it does not have."""
    begin = period.begin(since)
    while begin <= until:
        end = period.following(begin)
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {Partitioned(table, period, 0).name(begin)} PARTITION OF {table}"
            f" FOR VALUES FROM ('{uuid7_floor(begin)}') TO ('{uuid7_floor(end)}')"
        )
        begin = end


# Of an id only the time and the order count: a UUIDv7 of a moment and of a number that is unique within it.
UUID7 = """
CREATE FUNCTION pg_temp.id7(at timestamptz, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000'
        || '8' || lpad(to_hex(number), 15, '0'))::uuid
$$
"""

FLEET = """
INSERT INTO chargers_process (id, host, pid, started_at, seen_at, health)
SELECT pg_temp.id7(%(now)s - interval '1 day', n), 'host-' || n, 100 + n, %(now)s - interval '1 day',
    %(now)s + interval '1 day', '{}' -- or else its connections would be taken for lost
FROM generate_series(1, 4) n;

INSERT INTO chargers_chargepoint (cp_id, name, registration, own_registration, password_hash, next_password_hash,
    security_profile, created_at, site, labels, vendor, model, serial_number, firmware_version, iccid, imsi, meter_type,
    meter_serial_number, booted_at, lacking, protocol, last_seen_at, connection_id)
SELECT %(prefix)s || lpad(n::text, 6, '0'), '', CASE n %% 500 WHEN 0 THEN 'pending' ELSE 'accepted' END, '', '', '', 0,
    %(now)s - interval '1 year', 'site ' || n %% 200, jsonb_build_object('region', 'r' || n %% 7),
    'vendor ' || n %% 5, 'model ' || n %% 20, 'SN' || n, '1.' || n %% 9, '', '', '', '',
    %(now)s - interval '5 days', '{}', 'ocpp1.6', %(now)s,
    CASE n %% 2 WHEN 0 THEN pg_temp.id7(%(now)s - interval '5 hours', n) END
FROM generate_series(1, %(charge_points)s) n;

INSERT INTO chargers_connection (id, charge_point_id, process_id, protocol, peer, user_agent, opened_at, closed_at,
    close_code, close_reason)
SELECT pg_temp.id7(%(now)s - interval '5 hours', n), c.id,
    pg_temp.id7(%(now)s - interval '1 day', 1 + n %% 4), 'ocpp1.6', '10.0.0.1', '', %(now)s - interval '5 hours',
    CASE n %% 2 WHEN 1 THEN %(now)s - interval '1 hour' END, CASE n %% 2 WHEN 1 THEN 1000 END, ''
FROM generate_series(1, %(charge_points)s) n
JOIN chargers_chargepoint c ON c.cp_id = %(prefix)s || lpad(n::text, 6, '0');

INSERT INTO chargers_connector (charge_point_id, number, evse_number, evse_connector, label, status, error_code,
    info, vendor_id, vendor_error_code, status_at, received_at)
SELECT c.id, k, k, 1, '',
    CASE WHEN c.id %% 50 = 0 AND k = 1 THEN 'Faulted' WHEN c.id %% 5 = k THEN 'Charging'
    ELSE 'Available' END, CASE WHEN c.id %% 50 = 0 AND k = 1 THEN 'GroundFailure' ELSE 'NoError' END, '', '', '',
    %(now)s, %(now)s
FROM chargers_chargepoint c CROSS JOIN generate_series(1, 2) k
"""

# The newest transactions are active and go on until now; the others lie behind each other over DAYS.
TRANSACTIONS = """
CREATE TEMP TABLE made AS
SELECT n, pg_temp.id7(at, n) AS id, c.id AS charge_point_id, 1 + n %% 2 AS connector, at, n <= %(active)s AS active
FROM (
    SELECT n, %(now)s - (CASE WHEN n <= %(active)s THEN %(span)s * ((n %% 97 + 1) / 98.0)
        ELSE %(span)s + (n - %(active)s) * %(step)s END) * interval '1 second' AS at
    FROM generate_series(1, %(transactions)s) n
) numbered
JOIN chargers_chargepoint c ON c.cp_id = %(prefix)s || lpad((1 + n %% %(charge_points)s)::text, 6, '0');

INSERT INTO transactions_idtoken (id_token, canonical, label, parent, blocked, created_at)
SELECT 'TOKEN' || n, 'TOKEN' || n, '', '', false, %(now)s FROM generate_series(1, 5000) n;

INSERT INTO transactions_transaction (id, number, transaction_id, charge_point_id, connector_number, status, id_token,
    token_key, "authorization", reservation_id, started_at, start_received_at, meter_start_wh, stopped_at,
    stop_received_at, meter_stop_wh, energy_wh, duration_seconds, stop_reason, stop_id_token, end_evidence, end_source,
    claimed_transaction_id, "offline", orphan, superseded, anomalies, raw_start, raw_stop, start_key,
    differing_stop_keys)
SELECT id, n, n::text, charge_point_id, connector, CASE WHEN active THEN 'active' ELSE 'ended' END,
    'TOKEN' || 1 + n %% 5000, 'TOKEN' || 1 + n %% 5000, 'Accepted', CASE WHEN n %% 300 = 0 THEN n END, at, at, 100000,
    CASE WHEN NOT active THEN at + %(span)s * interval '1 second' END,
    CASE WHEN NOT active THEN at + %(span)s * interval '1 second' END,
    CASE WHEN NOT active THEN 100000 + energy END, CASE WHEN NOT active THEN energy END,
    CASE WHEN NOT active THEN %(span)s END, CASE WHEN active THEN '' WHEN n %% 4 = 0 THEN 'EVDisconnected'
    ELSE 'Local' END, '', '', CASE WHEN active THEN '' WHEN n %% 101 = 0 THEN 'inferred' ELSE 'reported' END, '',
    n %% 70 = 0, n %% 990 = 0 AND NOT active, false, CASE WHEN n %% 60 = 0 THEN '["meter_jumped"]'::jsonb
    ELSE '[]'::jsonb END, '{"connectorId":1}', '', 'start' || n, '[]'
FROM (SELECT *, (n * 7919) %% 60000 AS energy FROM made) made ORDER BY at
"""

READINGS = """
INSERT INTO transactions_metervalue (id, charge_point_id, connector_number, transaction_id, claimed_transaction_id,
    sampled_at, received_at, "offline", context, energy_wh, power_w, power_derived, current_a, voltage_v, soc_percent,
    samples)
SELECT pg_temp.id7(t, n), charge_point_id, connector, id, '', t, t, false, '', 100000 + k * 180, 10800.5, false, 15.6,
    230.1, NULL, '[{"value":"' || 100000 + k * 180
    || '","unit":"Wh"},{"value":"10.8005","measurand":"Power.Active.Import","unit":"kW"},'
    || '{"value":"15.6","measurand":"Current.Import","phase":"L1","unit":"A"},'
    || '{"value":"230.1","measurand":"Voltage","phase":"L1","unit":"V"}]'
FROM (
    SELECT made.*, k, at + k * %(every)s * interval '1 second' AS t
    FROM made CROSS JOIN generate_series(0, %(readings)s - 1) k
) every
WHERE t <= %(now)s ORDER BY t
"""

# Charge points by their number, for what is theirs.
NUMBERED = """
CREATE TEMP TABLE numbered_charge_points AS
SELECT c.*, substr(cp_id, length(%(prefix)s) + 1)::int AS number FROM chargers_chargepoint c
"""

STATEMENTS = (UUID7, FLEET, TRANSACTIONS, READINGS, NUMBERED, SPEAKING)

if __name__ == "__main__":
    begun = monotonic()
    fill(sys.argv[1], Size(*map(int, sys.argv[2:])))
    print(f"{monotonic() - begun:.0f} s")
