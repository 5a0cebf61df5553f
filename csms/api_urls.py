"""The routes of the API, version 1."""

from django.urls import path, re_path

from alerts import api as alerts
from alerts.alertmanager import api as alertmanager
from alerts.channels import api as alert_channels
from alerts.notifications import api as notifications
from alerts.prometheus import api as prometheus
from chargers import api as charge_points
from chargers import connector_api, credential_api, site_api
from chargers.availability import api as availability
from chargers.bulk import api as bulk
from chargers.callbacks import api as callbacks
from chargers.certificates import api as certificates
from chargers.commands import exact_api, sending_api
from chargers.commands import ledger_api as command_api
from chargers.configuration import api as configuration
from chargers.device_model import api as device_model
from chargers.diagnostics import api as diagnostics
from chargers.firmware import api as firmware
from chargers.history import api as history_api
from chargers.history import frames_api as wire_api
from chargers.history import uptime_api
from chargers.network import api as network
from chargers.provisioning import api as provisioning
from chargers.reporting import api as reporting
from chargers.reservations import api as reservations
from chargers.security_events import api as security_events
from chargers.topology import api as topology
from chargers.traits import api as traits
from csms.api_docs import Nothing, Reference, Schema, TryOut
from csms.core.access import token_api as access
from csms.core.events import api as events
from csms.core.overrides import api as overrides
from csms.core.webhooks import api as webhooks
from csms.summary_api import NetworkSummary
from transactions import (
    aggregate_api,
    frames_api,
    meter_api,
    series_api,
    token_api,
    token_import_api,
    transaction_api,
)
from transactions.backend import api as backend
from transactions.charging_profiles import api as charging_profiles
from transactions.local_lists import api as local_lists
from transactions.remote_control import api as remote_control
from transactions.sequence import api as sequence
from transactions.signed import api as signed
from transactions.stuck import api as stuck
from transactions.tariffs import api as tariffs

BLOCKS = (
    access,
    alert_channels,
    alertmanager,
    alerts,
    availability,
    backend,
    bulk,
    callbacks,
    certificates,
    charging_profiles,
    configuration,
    device_model,
    diagnostics,
    events,
    firmware,
    local_lists,
    network,
    notifications,
    overrides,
    prometheus,
    provisioning,
    remote_control,
    reporting,
    reservations,
    security_events,
    sequence,
    signed,
    stuck,
    tariffs,
    topology,
    traits,
    webhooks,
)
CHARGE_POINT = "charge-points/<str:cp_id>/"

urlpatterns = [
    path("summary/", NetworkSummary.as_view(), name="api-summary"),
    path("charge-points/", charge_points.ChargePoints.as_view(), name="api-charge-points"),
    path(CHARGE_POINT, charge_points.OneChargePoint.as_view(), name="api-charge-point"),
    path(
        f"{CHARGE_POINT}connectors/<int:connector>/",
        connector_api.OneConnector.as_view(),
        name="api-connector",
    ),
    path(f"{CHARGE_POINT}approve/", charge_points.Approve.as_view(), name="api-approve"),
    path(f"{CHARGE_POINT}reject/", charge_points.Reject.as_view(), name="api-reject"),
    path(f"{CHARGE_POINT}retire/", charge_points.Retire.as_view(), name="api-retire"),
    path(f"{CHARGE_POINT}password/", credential_api.ChargePointPassword.as_view(), name="api-password"),
    path(f"{CHARGE_POINT}frames/", wire_api.Frames.as_view(), name="api-frames"),
    path(
        f"{CHARGE_POINT}connections/",
        history_api.ChargePointConnections.as_view(),
        name="api-charge-point-connections",
    ),
    path(
        f"{CHARGE_POINT}status-history/",
        history_api.ChargePointStatusHistory.as_view(),
        name="api-charge-point-status-history",
    ),
    path(f"{CHARGE_POINT}offline-windows/", uptime_api.OfflineWindows.as_view(), name="api-offline-windows"),
    path(f"{CHARGE_POINT}uptime/", uptime_api.ChargePointUptime.as_view(), name="api-charge-point-uptime"),
    path(
        f"{CHARGE_POINT}meter-values/",
        meter_api.ChargePointMeterValues.as_view(),
        name="api-charge-point-meter-values",
    ),
    path(
        f"{CHARGE_POINT}meter-values/series/",
        series_api.ChargePointSeries.as_view(),
        name="api-charge-point-series",
    ),
    path(
        f"{CHARGE_POINT}transactions/",
        transaction_api.ChargePointTransactions.as_view(),
        name="api-charge-point-transactions",
    ),
    path(
        f"{CHARGE_POINT}commands/",
        command_api.ChargePointCatalogue.as_view(),
        name="api-charge-point-commands",
    ),
    *(
        path(f"{CHARGE_POINT}commands/{slug}/", view, name=f"api-{slug}")
        for slug, view in sending_api.command_views().items()
    ),
    path(f"{CHARGE_POINT}commands/<str:type>/", sending_api.UnknownCommand.as_view()),
    path(f"{CHARGE_POINT}ocpp/", exact_api.OcppActions.as_view(), name="api-ocpp-actions"),
    path(f"{CHARGE_POINT}ocpp/<str:action>/", exact_api.exact_view(), name="api-ocpp"),
    # Both doors are found without the last slash, too, as people write them by hand; the schema names one way.
    *(
        path(f"{CHARGE_POINT}commands/{slug}", view)
        for slug, view in sending_api.command_views(schema=None).items()
    ),
    path(f"{CHARGE_POINT}ocpp/<str:action>", exact_api.exact_view(schema=None)),
    path("connectors/", connector_api.Connectors.as_view(), name="api-connectors"),
    path("sites/", site_api.Sites.as_view(), name="api-sites"),
    path("commands/", command_api.Catalogue.as_view(), name="api-commands"),
    path("commands/ledger/", command_api.Ledger.as_view(), name="api-ledger"),
    path("commands/<uuid:id>/", command_api.OneCommand.as_view(), name="api-command"),
    path("commands/<uuid:id>/cancel/", sending_api.CancelCommand.as_view(), name="api-cancel-command"),
    path("connections/", history_api.Connections.as_view(), name="api-connections"),
    path("status-history/", history_api.StatusHistory.as_view(), name="api-status-history"),
    path("uptime/", uptime_api.Uptimes.as_view(), name="api-uptime"),
    path("frames/", wire_api.AllFrames.as_view(), name="api-all-frames"),
    path("transactions/", transaction_api.Transactions.as_view(), name="api-transactions"),
    path("transactions/aggregates/", aggregate_api.Aggregates.as_view(), name="api-aggregates"),
    path("transactions/<uuid:id>/", transaction_api.OneTransaction.as_view(), name="api-transaction"),
    path(
        "transactions/<uuid:id>/meter-values/",
        meter_api.TransactionMeterValues.as_view(),
        name="api-transaction-meter-values",
    ),
    path(
        "transactions/<uuid:id>/meter-values/series/",
        series_api.TransactionSeries.as_view(),
        name="api-transaction-series",
    ),
    path(
        "transactions/<uuid:id>/frames/",
        frames_api.TransactionFrames.as_view(),
        name="api-transaction-frames",
    ),
    path("id-tokens/", token_api.IdTokens.as_view(), name="api-id-tokens"),
    path("unknown-tokens/", token_api.UnknownTokens.as_view(), name="api-unknown-tokens"),
    path("unknown-tokens/<uuid:id>/admit/", token_api.AdmittedToken.as_view(), name="api-admit-token"),
    path("id-tokens/import/", token_import_api.IdTokenImport.as_view(), name="api-id-token-import"),
    path("id-tokens/<path:id_token>/", token_api.OneIdToken.as_view(), name="api-id-token"),
    path("refused-handshakes/", wire_api.RefusedHandshakes.as_view(), name="api-refused-handshakes"),
    path("schema/", Schema.as_view(), name="api-schema"),
    path("docs", TryOut.as_view(), name="api-docs"),
    path("reference", Reference.as_view(), name="api-reference"),
    *(pattern for block in BLOCKS for pattern in block.urlpatterns),
    re_path("", Nothing.as_view()),
]
