"""What only charge points of OCPP 2.x have, in the large network: every fourth charge point speaks it.

Each has two EVSEs, a device model of a hundred variables, reports, events of its components, network profiles and moves
between security profiles; its transactions have twelve numbered events and two signed readings each.
"""

from tests.bench.reads_rows import CP, ID, Rows

# Charge points whose number is divisible by four; n counts them over and over.
MODERN = "4 * (1 + (n - 1) %% (%(charge_points)s / 4))"
COUNT = "%(charge_points)s / 4"

ROWS201 = (
    Rows(
        "topology_evse",
        f"{COUNT} * 2",
        {
            "charge_point_id": CP, "number": f"1 + (n - 1) / ({COUNT})", "known_from": "'report'", "supply": "'AC'",
            "max_power_w": "22000", "phases": "3", "status": "'Available'", "status_at": "at", "operative": "true",
        },
        charge_point=MODERN,
    ),
    Rows(
        "topology_deviceevent",
        f"{COUNT} * 40",
        {
            "id": ID, "charge_point_id": CP, "event_id": "n", "happened_at": "at", "received_at": "at",
            "component": "(ARRAY['ChargingStation', 'EVSE', 'Connector'])[1 + n %% 3]", "variable": "'Problem'",
            "value": "'true'", "trigger": "'Delta'", "problem": "n %% 2 = 0", "cleared": "n %% 2 = 1",
        },
        charge_point=MODERN,
    ),
    Rows(
        "reporting_report",
        f"{COUNT} * 5",
        {
            "id": ID, "charge_point_id": CP, "kind": "'variables'", "about": "'FullInventory'", "request_id": "n",
            "state": "'whole'", "asked_at": "at", "last_at": "at", "applied_at": "at", "outcome": "'used'",
        },
        charge_point=MODERN,
    ),
    Rows(
        "network_networkprofile",
        f"{COUNT} * 2",
        {
            "id": ID, "charge_point_id": CP, "slot": f"1 + (n - 1) / ({COUNT})", "ocpp_version": "'OCPP20'",
            "url": "'wss://csms.example/ocpp'", "interface": "'Wired0'", "message_timeout": "30",
            "security_profile": "2", "state": "'accepted'", "told_at": "at", "settled_at": "at",
        },
        charge_point=MODERN,
    ),
    Rows(
        "network_profilechange",
        COUNT,
        {
            "id": ID, "charge_point_id": CP, "before": "1", "wanted": "2", "slot": "1", "state": "'done'",
            "started_at": "at", "finished_at": "at",
        },
        charge_point=MODERN,
    ),
    Rows(
        "provisioning_provisioningrun",
        f"{COUNT} * 2",
        {
            "id": ID, "charge_point_id": CP, "state": "'done'", "step": "'settings'", "waits_for": "'[]'",
            "steps": "'[]'", "started_at": "at", "finished_at": "at",
        },
        charge_point=MODERN,
    ),
    # What was read of them: the newest commands of their kind.
    Rows(
        "chargers_command",
        f"{COUNT}",
        {
            # Apart from the other commands of those minutes.
            "id": "pg_temp.id7(at, 1000000000 + n)", "charge_point_id": CP, "type": "'get-configuration'",
            "status": "'accepted'", "by": "'alice'", "created_at": "at", "expires_at": "at + interval '1 minute'",
            "action": "'GetVariables'",
            "params": """'{"keys": ["OCPPCommCtrlr/HeartbeatInterval"]}'""",
            "answer": """'{"getVariableResult":[{"attributeStatus":"Accepted","attributeValue":"300",'
                '"component":{"name":"OCPPCommCtrlr"},"variable":{"name":"HeartbeatInterval"}}]}'""",
        },
        charge_point=MODERN,
    ),
)  # fmt: skip

# Before the rows above: who speaks 2.x, and its transactions.
SPEAKING = """
UPDATE numbered_charge_points SET protocol = 'ocpp2.0.1' WHERE number %% 4 = 0;

UPDATE chargers_chargepoint SET protocol = 'ocpp2.0.1'
WHERE id IN (SELECT id FROM numbered_charge_points WHERE number %% 4 = 0);

UPDATE transactions_transaction t SET number = NULL, evse_number = t.connector_number, last_seq = 11,
    token_type = 'ISO14443', charging_state = CASE t.status WHEN 'active' THEN 'Charging' ELSE 'Idle' END
FROM numbered_charge_points c WHERE c.id = t.charge_point_id AND c.number %% 4 = 0
"""

# What hangs on the rows of the above: device models, the events of transactions, what meters signed.
CHILDREN201 = """
INSERT INTO device_model_component (charge_point_id, name, instance, key)
SELECT c.id, 'Component' || k, '', 'component' || k
FROM numbered_charge_points c, generate_series(1, 10) k WHERE c.number %% 4 = 0;

INSERT INTO device_model_variable (component_id, name, instance, key, data_type, unit, values_list,
    supports_monitoring, told)
SELECT o.id, 'Variable' || k, '', 'variable' || k, 'integer', '', '', true, '{}'
FROM device_model_component o, generate_series(1, 10) k;

INSERT INTO configuration_configurationkey (charge_point_id, variable_id, attribute, mutability, persistent, constant,
    name, folded, value, readonly, known, reported_at, needs_reboot)
SELECT o.charge_point_id, v.id, 'Actual', 'ReadWrite', true, false, o.name || '/' || v.name, o.key || '/' || v.key, '1',
    false, true, %(now)s, false
FROM device_model_variable v JOIN device_model_component o ON o.id = v.component_id;

INSERT INTO sequence_transactionevent (id, transaction_id, charge_point_id, seq_no, twin, kind, trigger, charging_state,
    stopped_reason, occurred_at, claimed_at, received_at, "offline", evse_number, evse_connector, token_key, token_type,
    fingerprint)
SELECT pg_temp.id7(at, row_number() OVER (ORDER BY at)), id, charge_point_id, k, 0,
    CASE k WHEN 0 THEN 'Started' WHEN 11 THEN 'Ended' ELSE 'Updated' END, 'MeterValuePeriodic', 'Charging', '', at, at,
    at, k %% 6 = 5, connector_number, 1, '', '', md5(id::text || k)
FROM (
    SELECT t.*, k, t.started_at + k * %(span)s / 12 * interval '1 second' AS at
    FROM transactions_transaction t CROSS JOIN generate_series(0, 11) k WHERE t.last_seq IS NOT NULL
) every
WHERE at <= %(now)s AND (k < 11 OR status = 'ended');

INSERT INTO signed_signedreading (id, transaction_id, charge_point_id, evse_number, sampled_at, context, measurand,
    data, signing_method, encoding_method, public_key)
SELECT pg_temp.id7(e.occurred_at, row_number() OVER (ORDER BY e.id)), e.transaction_id, e.charge_point_id,
    e.evse_number, e.occurred_at, CASE e.kind WHEN 'Started' THEN 'Transaction.Begin' ELSE 'Transaction.End' END,
    'Energy.Active.Import.Register', repeat('c2lnbmVk', 60), 'ECDSA-secp256r1-SHA256', 'OCMF',
    CASE e.kind WHEN 'Started' THEN repeat('a2V5', 30) ELSE '' END
FROM sequence_transactionevent e WHERE e.kind <> 'Updated'
"""
