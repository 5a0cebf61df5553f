"""The HTTP front door."""

from django.contrib import admin
from django.urls import include, path

from csms import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("django_prometheus.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("csms.api_urls")),
    path("", include("console.urls")),
]
handler400 = "console.errors.bad_request"
handler500 = "csms.core.api_errors.server_error"
