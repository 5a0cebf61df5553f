"""The pages of the console."""

from django.urls import path, re_path

from console.tabs import TABS
from console.views import (
    access,
    authorizations,
    certificate_requests,
    charge_point,
    charge_point_events,
    charge_point_tabs,
    charge_points,
    dashboard,
    delivery,
    deviations,
    files,
    reservations,
    security_events,
    tokens,
    transactions,
    webhook_forms,
    webhook_steps,
    webhooks,
)

CHARGE_POINT = "inspect/charge-points/<str:cp_id>"

app_name = "console"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("sign-in", access.SignIn.as_view(), name="sign-in"),
    path("sign-out", access.SignOut.as_view(), name="sign-out"),
    path("inspect/charge-points", charge_points.charge_points, name="charge-points"),
    path("inspect/charge-points/<str:cp_id>", charge_point.charge_point, name="charge-point"),
    path("inspect/charge-points/<str:cp_id>/commands/<slug:slug>", charge_point.send, name="command"),
    path(
        "inspect/charge-points/<str:cp_id>/registration",
        charge_point.register,
        name="charge-point-registration",
    ),
    path(f"{CHARGE_POINT}/configuration/desired", charge_point_tabs.desire, name="desired-configuration"),
    path(f"{CHARGE_POINT}/configuration/refresh", charge_point_tabs.refresh, name="refresh-configuration"),
    path(f"{CHARGE_POINT}/authorization-list/policy", charge_point_tabs.policy, name="local-list-policy"),
    path(f"{CHARGE_POINT}/traits/set", charge_point_tabs.traits, name="set-traits"),
    path(f"{CHARGE_POINT}/events", charge_point_events.events, name="charge-point-events"),
    path(f"{CHARGE_POINT}/frames/<uuid:pk>", charge_point_events.frame, name="charge-point-frame"),
    re_path(
        rf"^inspect/charge-points/(?P<cp_id>[^/]+)/(?P<slug>{'|'.join(TABS)})$",
        charge_point_tabs.tab,
        name="charge-point-tab",
    ),
    path("inspect/transactions", transactions.transaction_list, name="transactions"),
    path("inspect/transactions/<uuid:pk>", transactions.transaction_page, name="transaction"),
    path("inspect/transactions/<uuid:pk>/series.json", transactions.series, name="transaction-series"),
    path("sys/authorizations", authorizations.authorizations, name="authorizations"),
    path("sys/tokens", tokens.tokens, name="tokens"),
    path("sys/tokens/add", tokens.add, name="token-add"),
    path("sys/tokens/<int:pk>/block", tokens.block, name="token-block"),
    path("sys/certificate-requests", certificate_requests.certificate_requests, name="certificate-requests"),
    path(
        "sys/certificate-requests/<uuid:pk>/<slug:step>",
        certificate_requests.decide,
        name="certificate-request-decide",
    ),
    path("sys/security-events", security_events.security_events, name="security-events"),
    path("sys/deviations", deviations.deviations, name="deviations"),
    path("sys/files", files.files, name="files"),
    path("sys/files/<uuid:pk>/content", files.content, name="file-content"),
    path("sys/files/<uuid:pk>/delete", files.delete, name="file-delete"),
    path("sys/reservations", reservations.reservations, name="reservations"),
    path("sys/delivery", delivery.delivery, name="delivery"),
    path("sys/webhooks", webhooks.webhooks, name="webhooks"),
    path("sys/webhooks/add", webhook_forms.add, name="webhook-add"),
    path("sys/webhooks/<uuid:pk>", webhooks.webhook, name="webhook"),
    path("sys/webhooks/<uuid:pk>/change", webhook_forms.change, name="webhook-change"),
    path(
        "sys/webhooks/<uuid:pk>/deliveries/<uuid:delivery>/replay",
        webhook_steps.replay,
        name="webhook-replay",
    ),
    path("sys/webhooks/<uuid:pk>/<slug:slug>", webhook_steps.step, name="webhook-step"),
]
