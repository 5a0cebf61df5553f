"""The pages of the console."""

from django.urls import path

from console.views import access, dashboard

app_name = "console"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("sign-in", access.SignIn.as_view(), name="sign-in"),
    path("sign-out", access.SignOut.as_view(), name="sign-out"),
    path("inspect/charge-points", dashboard.dashboard, name="charge-points"),
    path("inspect/charge-points/<str:cp_id>", dashboard.dashboard, name="charge-point"),
    path("inspect/transactions", dashboard.dashboard, name="transactions"),
    path("inspect/transactions/<uuid:pk>", dashboard.dashboard, name="transaction"),
    path("sys/authorizations", dashboard.dashboard, name="authorizations"),
    path("sys/tokens", dashboard.dashboard, name="tokens"),
]
