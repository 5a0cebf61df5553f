"""Every family that gateways of this kind tell (the reference: surfaces, part 1, 6.2) is told here, or said why not."""

import re

import pytest
from prometheus_client import REGISTRY, Histogram

from tests.observability.files import DASHBOARDS, RECORDED
from tests.observability.page import ROOT, Page, documented

# Family of the reference, and what tells it here with the labels that it needs; or "-" and the words by which
# docs/metrics.md says that it is not told.
FAMILIES = """
build_info                        csms_build_info version
ws_connections_active             csms_charge_points_connected
ws_connects_total                 csms_ocpp_connections_total version security_profile
ws_disconnects_total              csms_ocpp_closes_total code
ws_handshake_failures_total       csms_ocpp_handshakes_refused_total reason
ws_messages_in_total              csms_ocpp_messages_total action verdict
ws_messages_out_total             csms_ocpp_messages_sent_total action kind
handler_latency_seconds           csms_ocpp_answer_seconds action outcome
handler_errors_total              csms_ocpp_errors_answered_total action code
boot_notifications_total          csms_boot_notifications_total decision
boot_replays_total                csms_ocpp_messages_total action verdict
authorize_total                   csms_authorizations_total decision source
authorize_cache_hits_total        csms_backend_cached_answers_total
authorize_cache_misses_total      csms_authorizations_total source
start_transactions_total          csms_start_transactions_total decision
stop_transactions_total           csms_stop_transactions_total reason source
stop_transactions_received_total  csms_ocpp_messages_total action
stop_transaction_replays_total    csms_stop_transactions_repeated_total
heartbeats_total                  csms_ocpp_messages_total action
heartbeat_registry_reclaims_total - reclaims of a registry
status_notifications_total        csms_status_notifications_total status error_code
meter_values_total                csms_meter_values_total
meter_value_samples_total         csms_meter_value_samples_total measurand
meter_value_quarantined_total     csms_meter_value_samples_unused_total measurand
rate_limit_throttled_total        csms_ocpp_frames_slowed_total
ws_basic_auth_total               csms_ocpp_handshakes_refused_total reason
ws_authorization_total            csms_ocpp_handshakes_refused_total reason
ws_ip_rate_limit_total            csms_ocpp_handshakes_refused_total reason
authorization_admin_total         csms_charge_point_approvals_total decision
data_transfers_total              csms_data_transfers_total vendor status
firmware_status_total             csms_firmware_status_total status
diagnostics_status_total          csms_diagnostics_status_total status
security_events_total             csms_security_events_total type
sign_certificate_received_total   csms_certificate_requests_total outcome
grpc_requests_total               csms_commands_total command outcome
grpc_request_latency_seconds      csms_ocpp_call_seconds action
grpc_dispatch_route_total         - gRPC
grpc_charger_offline_total        csms_commands_total command outcome
bus_requests_total                csms_bell_failures_total
bus_request_latency_seconds       csms_bell_seconds
bus_inflight                      csms_commands_open
kafka_publish_total               csms_kafka_published_total topic
kafka_publish_latency_seconds     csms_events_oldest_seconds sink
kafka_publish_bytes_total         - bytes that Kafka takes
ocpp_frames_publish_failures_total csms_events_sink_failing sink
webhook_deliveries_total          csms_webhook_attempts_total outcome
webhook_delivery_latency_seconds  csms_webhook_seconds
webhook_delivery_attempts_total   csms_webhook_attempts_total outcome
webhook_consumer_lag_messages     csms_events_backlog sink
webhook_backlog_size              csms_webhooks_waiting
webhook_backlog_oldest_age_seconds csms_webhooks_oldest_seconds
webhook_backlog_drain_total       csms_webhook_attempts_total outcome
webhook_backlog_deadletter_total  csms_webhooks_given_up
backend_requests_total            csms_backend_requests_total endpoint outcome
backend_request_latency_seconds   csms_backend_request_seconds endpoint
backend_retries_total             csms_backend_requests_total endpoint outcome
backend_circuit_state             csms_backend_breaker_state endpoint
backend_circuit_transitions_total csms_backend_breaker_state endpoint
idempotency_lookups_total         csms_idempotent_requests_total outcome
db_query_latency_seconds          - latency of each query
db_pool_in_use                    - pool of database connections
db_pool_overflow                  - pool of database connections
redis_command_latency_seconds     - each Redis command
registry_online_chargers          csms_charge_points state
rest_requests_total               django_http_responses_total_by_status_view_method_total
rest_request_latency_seconds      django_http_requests_latency_seconds_by_view_method
"""
ROWS = [line.split(maxsplit=1) for line in FAMILIES.strip().splitlines()]
LONGEST = {
    "csms_ocpp_answer_seconds": (0.001, 1),
    "csms_writer_commit_seconds": (0.001, 1),
    "csms_ocpp_call_seconds": (0.01, 30),
    "csms_webhook_seconds": (0.01, 30),
    "csms_callback_seconds": (0.01, 30),
    "csms_backend_request_seconds": (0.01, 30),
}
"""Histogram -> between which times, in seconds, it tells apart: within the house, and what others take."""


def test_the_table_has_every_family_once() -> None:
    families = [family for family, _ in ROWS]
    assert len(set(families)) == len(families) == 66


@pytest.mark.parametrize(("family", "here"), ROWS, ids=[family for family, _ in ROWS])
def test_a_family_is_told_or_it_is_said_why_not(figures: Page, family: str, here: str) -> None:
    name, *labels = here.split()
    if name == "-":
        told = (ROOT / "docs" / "metrics.md").read_text()
        bold = re.findall(r"\*\*(.+?)\*\*", told[told.index("\nNot told:") :], re.DOTALL)
        assert any(" ".join(labels) in " ".join(words.split()) for words in bold)
    else:
        assert name in figures.names
        assert set(labels) <= set(documented()[name].labels if name.startswith("csms_") else labels)


@pytest.mark.parametrize(("name", "bounds"), LONGEST.items(), ids=LONGEST)
def test_times_are_told_apart_from_the_shortest_to_the_longest(
    name: str, bounds: tuple[float, float]
) -> None:
    import csms.asgi  # noqa: F401 - what a server loads
    import csms.server

    csms.server.celery_app.loader.import_default_modules()
    histogram = REGISTRY._names_to_collectors[name]
    assert isinstance(histogram, Histogram)
    upper = histogram._upper_bounds
    assert upper[0] <= bounds[0]
    assert upper[-2] >= bounds[1]  # the last one is infinite


def test_objectives_are_recorded_and_every_dashboard_is_drawn() -> None:
    assert [name for name in RECORDED if name.startswith("slo:")]
    assert {path.stem for path in DASHBOARDS} == {
        "fleet", "processes", "storms", "transactions", "delivery", "objectives",
    }  # fmt: skip
