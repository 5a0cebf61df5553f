"""The API's door to certificates: the queue of requests, and what charge points have."""

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.certificates import selectors, signing
from chargers.certificates.checks import Unfit
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.certificates.pem import Unreadable
from chargers.commands.sending_api import author_of
from csms.core.api_data import Body, Flag, Moment, Shape, Word, read_body
from csms.core.api_errors import invalid, refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery

CHAPTER = "Certificates"
SCOPE = "admin"  # whoever approves a request lets a machine into the network


# --- shapes -----------------------------------------------------------------------------------------------------------


class CertificateRequestShape(Shape):
    """A charge point's request for a certificate of its own, and what became of it."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    status = serializers.ChoiceField(
        SigningRequest.Status.choices,
        help_text="`pending`, `approved` and `signed` are open; `refused` ones were answered Rejected at once.",
    )
    use = serializers.ChoiceField(
        SigningRequest.Use.choices,
        help_text="What the certificate is for; OCPP 1.6 knows only `charge_point`.",
    )
    subject = serializers.CharField(help_text="Whom it names; empty if it cannot be read.")
    key = serializers.CharField(help_text="Kind and size of its public key.")
    problems = serializers.ListField(
        child=serializers.CharField(), help_text="What is wrong or doubtful, in words."
    )
    csr = serializers.CharField(help_text="The PKCS #10 request, as it came.")
    received_at = Moment()
    decided_by = serializers.CharField(help_text="Who approved or rejected it; `system` for the settings.")
    decided_at = Moment(allow_null=True)
    reason = serializers.CharField(help_text="Why it was rejected, superseded or not installed.")
    authority = serializers.CharField(help_text="Who signed: `own` or `manual`.")
    signed_at = Moment(allow_null=True)
    signing_error = serializers.CharField(help_text="Why the CA could not sign yet; it is asked again.")
    certificate_chain = serializers.CharField(
        source="chain", help_text="PEM, leaf first; empty until signed."
    )
    command_id = serializers.UUIDField(allow_null=True, help_text="The command that brings the certificate.")
    closed_at = Moment(allow_null=True)


class CertificateRequestQuery(PageQuery):
    """Which certificate requests are listed."""

    cp_id = serializers.CharField(
        required=False, help_text="Case does not matter; 404 for one that nobody knows."
    )
    status = serializers.ChoiceField(SigningRequest.Status.choices, required=False)
    use = serializers.ChoiceField(SigningRequest.Use.choices, required=False)
    open = Flag(
        required=False, help_text="Those that somebody or something must still deal with, or the others."
    )


class Approval(Body):
    """The approval of a certificate request."""

    despite_problems = Flag(default=False, help_text="Also if `problems` lists what is doubtful.")


class Rejection(Body):
    """The rejection of a certificate request."""

    reason = Word(max_length=1000, help_text="Why; for people.")


class Chain(Body):
    """A certificate that a CA elsewhere has signed, and its issuers."""

    certificate_chain = Word(max_length=100_000, help_text="PEM; the charge point's certificate first.")


class CertificateShape(Shape):
    """A certificate that a charge point has or had, as far as is known."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    use = serializers.ChoiceField(InstalledCertificate.Use.choices)
    hash_algorithm = serializers.CharField(
        help_text="This and the next three name it in OCPP, as the charge point reported it or as computed."
    )
    issuer_name_hash = serializers.CharField()
    issuer_key_hash = serializers.CharField()
    serial_number = serializers.CharField(help_text="Hex digits.")
    subject = serializers.CharField(help_text="Empty, as what follows, for one that was only reported.")
    issuer = serializers.CharField()
    fingerprint = serializers.CharField(help_text="SHA-256, hex digits.")
    pem = serializers.CharField()
    not_before = Moment(allow_null=True)
    not_after = Moment(allow_null=True)
    installed_at = Moment(allow_null=True, help_text="When the charge point took it from us.")
    reported_at = Moment(allow_null=True, help_text="When the charge point last reported it.")
    removed_at = Moment(allow_null=True)
    removal = serializers.CharField(help_text="How we know that it is gone, such as `deleted`.")


class ChargePointCertificateQuery(PageQuery):
    """Which certificates of a charge point are listed."""

    use = serializers.ChoiceField(InstalledCertificate.Use.choices, required=False)
    expires_before = Moment(required=False, help_text="Of which the end is known and comes before this time.")
    removed = Flag(default=False, help_text="Those that are gone instead of those that are there.")


class CertificateQuery(ChargePointCertificateQuery):
    """Which certificates are listed."""

    cp_id = serializers.CharField(
        required=False, help_text="Case does not matter; 404 for one that nobody knows."
    )


# --- the queue --------------------------------------------------------------------------------------------------------


class CertificateRequests(ApiView):
    """The queue of certificate requests."""

    chapter = CHAPTER
    query = CertificateRequestQuery

    @extend_schema(
        operation_id="list_certificate_requests",
        summary="List certificate requests",
        description="Newest first. Closed ones are kept for `CSMS_RETAIN_SECURITY_EVENTS_DAYS`.",
        responses={200: paged(CertificateRequestShape), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request) -> Response:
        """List certificate requests."""
        asked = self.asked
        rows = selectors.signing_requests()
        if "cp_id" in asked:
            rows = rows.filter(charge_point=charge_point_or_404(asked["cp_id"]))
        for name in ("status", "use"):
            if name in asked:
                rows = rows.filter(**{name: asked[name]})
        if "open" in asked:
            unfinished = Q(status__in=SigningRequest.OPEN)
            rows = rows.filter(unfinished if asked["open"] else ~unfinished)
        return self.page(rows, order=("-pk",), shape=CertificateRequestShape)


class Deciding(ApiView):
    """The base of what concerns one certificate request."""

    chapter = CHAPTER
    scope = SCOPE

    def row(self, id: UUID) -> SigningRequest:
        """Return the request. Raises 404."""
        known: SigningRequest = found(
            selectors.signing_requests().filter(pk=id).first(), "certificate_request", id
        )
        return known

    def answer(self, row: SigningRequest) -> Response:
        """Answer with the request as it is now."""
        return Response(CertificateRequestShape(row).data)


NOT_PENDING = {"not_pending": "the request is installed"}
DECIDED = error("The request is not in a state that allows it.", NOT_PENDING)
DOUBTFUL = error(
    "The request has been decided, or has problems that were not accepted.",
    {**NOT_PENDING, "doubtful": "it has problems: its subject has no common name"},
)


class OneCertificateRequest(Deciding):
    """One certificate request."""

    @extend_schema(
        operation_id="get_certificate_request",
        summary="Show a certificate request",
        description="And what became of it.",
        responses={200: CertificateRequestShape},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a certificate request."""
        return self.answer(self.row(id))


class ApproveCertificateRequest(Deciding):
    """Approve."""

    @extend_schema(
        operation_id="approve_certificate_request",
        summary="Approve a certificate request",
        description="The own CA signs at once; the answer says so, or why not. A CA elsewhere is waited for: "
        "upload its chain. The certificate is sent as soon as the charge point is online. Scope `admin`.",
        request=Approval,
        responses={200: CertificateRequestShape, 409: DOUBTFUL},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Approve a certificate request."""
        row = self.row(id)
        despite = read_body(request, Approval)["despite_problems"]
        with refusals():
            row = signing.approve_request(
                row, by=author_of(request).name, now=timezone.now(), despite_problems=despite
            )
        return self.answer(row)


class RejectCertificateRequest(Deciding):
    """Reject."""

    @extend_schema(
        operation_id="reject_certificate_request",
        summary="Reject a certificate request",
        description="The charge point is not told, since OCPP has no word for it; it keeps its certificate. "
        "Scope `admin`.",
        request=Rejection,
        responses={200: CertificateRequestShape, 409: DECIDED},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Reject a certificate request."""
        row = self.row(id)
        reason = read_body(request, Rejection)["reason"]
        with refusals():
            row = signing.reject_request(row, by=author_of(request).name, reason=reason, now=timezone.now())
        return self.answer(row)


class UploadChain(Deciding):
    """Upload what a CA elsewhere has signed."""

    @extend_schema(
        operation_id="upload_certificate_chain",
        summary="Upload the signed chain",
        description="The chain that a CA elsewhere made of the request; it approves the request. It must be for "
        "the request's key, in the right order, and valid now. Scope `admin`.",
        request=Chain,
        responses={200: CertificateRequestShape, 409: DECIDED},
        examples=[
            OpenApiExample(
                "a certificate and its issuer",
                value={"certificate_chain": "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Upload a chain."""
        row = self.row(id)
        text = read_body(request, Chain)["certificate_chain"]
        try:
            with refusals():
                row = signing.upload_chain(row, text, by=author_of(request).name, now=timezone.now())
        except (Unreadable, Unfit) as problem:
            raise invalid({"certificate_chain": [str(problem)]}) from problem
        return self.answer(row)


# --- what is installed ------------------------------------------------------------------------------------------------


class Listed(ApiView):
    """The base of the two lists of certificates."""

    chapter = CHAPTER

    def listed(self, **wanted: Any) -> Response:
        """Answer with what was asked for."""
        asked = self.asked
        if "use" in asked:
            wanted["use"] = asked["use"]
        if "expires_before" in asked:
            wanted["not_after__lt"] = asked["expires_before"]
        rows = selectors.installed_certificates().filter(removed_at__isnull=not asked["removed"], **wanted)
        return self.page(rows, order=("-pk",), shape=CertificateShape)


class Certificates(Listed):
    """The certificates of all charge points."""

    query = CertificateQuery

    @extend_schema(
        operation_id="list_certificates",
        summary="List installed certificates",
        description="Of all charge points, newest first: their own, and the roots that they trust.",
        responses={200: paged(CertificateShape), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request) -> Response:
        """List certificates."""
        if "cp_id" in self.asked:
            return self.listed(charge_point=charge_point_or_404(self.asked["cp_id"]))
        return self.listed()


class ChargePointCertificates(Listed):
    """The certificates of one charge point."""

    query = ChargePointCertificateQuery

    @extend_schema(
        operation_id="list_certificates_of_charge_point",
        summary="List the certificates of a charge point",
        description="Newest first. The command `get-installed-certificate-ids` asks the charge point anew.",
        responses={200: paged(CertificateShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List certificates."""
        return self.listed(charge_point=charge_point_or_404(cp_id))


REQUEST = "certificate-requests/<uuid:id>/"

urlpatterns: list[URLPattern] = [
    path("certificate-requests/", CertificateRequests.as_view(), name="api-certificate-requests"),
    path(REQUEST, OneCertificateRequest.as_view(), name="api-certificate-request"),
    path(f"{REQUEST}approve/", ApproveCertificateRequest.as_view(), name="api-approve-certificate-request"),
    path(f"{REQUEST}reject/", RejectCertificateRequest.as_view(), name="api-reject-certificate-request"),
    path(f"{REQUEST}chain/", UploadChain.as_view(), name="api-certificate-chain"),
    path("certificates/", Certificates.as_view(), name="api-certificates"),
    path(
        "charge-points/<str:cp_id>/certificates/",
        ChargePointCertificates.as_view(),
        name="api-charge-point-certificates",
    ),
]
