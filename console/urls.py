"""The pages of the console."""

from django.urls import path

from console.views import access, authorizations, charge_point, charge_points, dashboard, tokens, transactions

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
    path("inspect/transactions", transactions.transaction_list, name="transactions"),
    path("inspect/transactions/<uuid:pk>", transactions.transaction_page, name="transaction"),
    path("inspect/transactions/<uuid:pk>/series.json", transactions.series, name="transaction-series"),
    path("sys/authorizations", authorizations.authorizations, name="authorizations"),
    path("sys/tokens", tokens.tokens, name="tokens"),
    path("sys/tokens/add", tokens.add, name="token-add"),
    path("sys/tokens/<int:pk>/block", tokens.block, name="token-block"),
]
