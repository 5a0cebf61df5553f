"""What is read of certificates."""

from django.db.models import QuerySet

from chargers.certificates.models import InstalledCertificate, SigningRequest


def signing_requests() -> QuerySet[SigningRequest]:
    """Return the certificate requests, with their charge points."""
    return SigningRequest.objects.select_related("charge_point")


def installed_certificates() -> QuerySet[InstalledCertificate]:
    """Return the certificates that charge points have or had, with their charge points."""
    return InstalledCertificate.objects.select_related("charge_point")
