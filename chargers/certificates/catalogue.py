"""The commands of this block: what operators may do to the certificates of a charge point."""

from typing import Any, Literal

from pydantic import Field

from chargers.certificates import mirror, signing
from chargers.certificates.checks import Unfit, check_ca, check_chain, check_owner
from chargers.certificates.limits import longest_chain, one_root_only, store_size
from chargers.certificates.models import InstalledCertificate
from chargers.certificates.pem import (
    Algorithm,
    HashData,
    Unreadable,
    fingerprint,
    read_certificate,
    read_certificates,
    text_of,
)
from chargers.commands.effects import command_awaiting_effect, note_effect
from chargers.commands.ordering import (
    CommandRefused,
    CommandType,
    Draft,
    Outcome,
    Params,
    as_given,
    bad_param,
    by_slug,
)
from chargers.models import Connection, Registration

Use = InstalledCertificate.Use
Root = Literal["central_system_root", "manufacturer_root"]
ROOT: Any = Field(
    "central_system_root",
    title="Kind",
    description="Roots of the central system vouch for this server, those of the manufacturer for firmware.",
)
HEX = r"^[0-9A-Fa-f]+$"


# --- install ----------------------------------------------------------------------------------------------------------


class InstallCertificate(Params):
    """Install a root certificate."""

    certificate_type: Root = ROOT
    certificate: str = Field(
        title="Certificate", min_length=1, max_length=10_000, description="Of a CA, in PEM form."
    )


def a_root_that_fits(draft: Draft) -> dict[str, Any]:
    """Check the certificate, and that the charge point has room for it (S16-72)."""
    try:
        certificate = read_certificate(draft.params.certificate)
        check_ca(certificate, now=draft.now)
    except (Unreadable, Unfit) as error:
        raise bad_param("certificate", str(error)) from error
    use = draft.params.certificate_type
    held = mirror.present(draft.charge_point.pk)
    roots = [row for row in held if row.use in InstalledCertificate.ROOTS]
    again = any(row.use == use and row.fingerprint == fingerprint(certificate) for row in roots)
    most = store_size(draft.charge_point.pk)
    if most is not None and len(roots) >= most and not again:
        raise bad_param(
            "certificate", f"the charge point holds {len(roots)} certificates and has room for {most}"
        )
    centrals = [row for row in roots if row.use == Use.CENTRAL_SYSTEM_ROOT]
    exclusive = use == Use.CENTRAL_SYSTEM_ROOT and one_root_only(draft.charge_point.pk)
    if exclusive and len(centrals) >= 2 and not again:
        raise bad_param(
            "certificate",
            "the charge point checks roots (AdditionalRootCertificateCheck) and holds one with its fallback "
            "already; delete the fallback first",
        )
    return {**as_given(draft), "certificate": text_of(certificate)}


def note_installed(outcome: Outcome) -> None:
    """Mirror a root that was taken."""
    if outcome.accepted:
        params = outcome.command.params
        certificate = read_certificate(params["certificate"])
        mirror.note_installed(
            outcome.command.charge_point, params["certificate_type"], [certificate], now=outcome.now
        )


# --- list -------------------------------------------------------------------------------------------------------------


class GetInstalledCertificateIds(Params):
    """Ask which root certificates are installed."""

    certificate_type: Root = ROOT


def reconcile(outcome: Outcome) -> None:
    """Mirror what was reported; that there is none is a report, too, but a report without a list is none."""
    if not outcome.accepted or "certificates" not in outcome.facts:
        return
    charge_point, now = outcome.command.charge_point, outcome.now
    reported = [HashData(**one) for one in outcome.facts["certificates"]]
    use = outcome.command.params["certificate_type"]
    if not outcome.whole:
        note_effect(
            outcome.command, "A part of its list cannot be read, so nothing is taken from it.", now=now
        )
        return
    added, gone = mirror.reconcile(charge_point, use, reported, now=now)
    note_effect(
        outcome.command,
        f"It has {len(reported)}: {added} not known before, {gone} gone.",
        kind="certificate",
        now=now,
    )
    for row in mirror.present(charge_point.pk, use):
        installing = row.pem and command_awaiting_effect(
            charge_point.pk, "install-certificate", now=now, certificate_type=use, certificate=row.pem
        )
        if installing:
            note_effect(installing, "The charge point lists it.", kind="certificate", subject=row.pk, now=now)
    deleting = command_awaiting_effect(charge_point.pk, "delete-certificate", now=now)
    if deleting is not None:
        name = _name(DeleteCertificate.model_validate(deleting.params))
        # Only a list of its own kind shows that it is gone.
        if mirror.named(charge_point.pk, name) is None and mirror.had(charge_point.pk, use, name):
            note_effect(deleting, "The charge point no longer lists it.", kind="certificate", now=now)


# --- delete -----------------------------------------------------------------------------------------------------------


class DeleteCertificate(Params):
    """Delete a root certificate, named as the charge point reported it."""

    hash_algorithm: Algorithm = Field("SHA256", title="Hash algorithm")
    issuer_name_hash: str = Field(
        title="Hash of the issuer's name", min_length=1, max_length=128, pattern=HEX
    )
    issuer_key_hash: str = Field(title="Hash of the issuer's key", min_length=1, max_length=128, pattern=HEX)
    serial_number: str = Field(title="Serial number", min_length=1, max_length=40, pattern=HEX)
    force: bool = Field(
        False,
        title="Even if it may be needed",
        description="Also the only root of the central system, or one whose successor the charge point has not "
        "yet connected with.",
    )


def _name(params: DeleteCertificate) -> HashData:
    return HashData(
        params.hash_algorithm, params.issuer_name_hash, params.issuer_key_hash, params.serial_number
    )


def one_that_can_go(draft: Draft) -> dict[str, Any]:
    """Refuse to delete the root that the charge point needs to find its way back (S16-72)."""
    row = mirror.named(draft.charge_point.pk, _name(draft.params))
    if row is None or row.use != Use.CENTRAL_SYSTEM_ROOT or draft.params.force:
        return as_given(draft)
    others = [one for one in mirror.present(draft.charge_point.pk, row.use) if one.pk != row.pk]
    if not others:
        raise bad_param(
            "force", "it is the only root of the central system that the charge point is known to have"
        )
    since = (
        Connection.objects.filter(charge_point=draft.charge_point, closed_at=None)
        .order_by("-opened_at")
        .values_list("opened_at", flat=True)
        .first()
    ) or draft.now
    if all(one.installed_at is not None and one.installed_at >= since for one in others):
        raise bad_param(
            "force", "the charge point has not connected again since the root that is to follow was installed"
        )
    return as_given(draft)


def note_deleted(outcome: Outcome) -> None:
    """Take it out of the mirror; a certificate that was not found is not there either."""
    if outcome.accepted or outcome.word == "NotFound":
        params = DeleteCertificate.model_validate(outcome.command.params)
        row = mirror.named(outcome.command.charge_point_id, _name(params))
        if row is not None:
            mirror.note_removed(row, "deleted" if outcome.accepted else "not found", now=outcome.now)


# --- the charge point's own -------------------------------------------------------------------------------------------


class CertificateSigned(Params):
    """Bring the charge point a certificate of its own, signed elsewhere."""

    certificate_chain: str = Field(
        title="Certificate chain",
        min_length=1,
        max_length=50_000,
        description="In PEM form: the charge point's certificate first, then its issuers in their order.",
    )
    use: Literal["charge_point", "v2g", "combined"] = Field(
        "charge_point",
        title="Use",
        description="OCPP 2.x only: to connect to us (charge_point), to speak with cars by ISO 15118 (v2g), or both.",
    )


def a_chain_that_fits(draft: Draft) -> dict[str, Any]:
    """Check the chain, and tie the command to the request that it answers. Strangers are given none."""
    if draft.charge_point.registration != Registration.ACCEPTED:
        raise CommandRefused("not_accepted", f"{draft.charge_point.cp_id} waits for approval")
    try:
        chain = read_certificates(draft.params.certificate_chain)
        longest = longest_chain(draft.charge_point.pk)
        check_chain(chain, now=draft.now, longest=longest, use=draft.params.use)
        if signing.answered_request(draft, chain) is None:
            # Nobody has looked at a request for it, so at least its name must be the charge point's.
            check_owner(chain[0], identities=(draft.charge_point.cp_id, draft.charge_point.serial_number))
    except (Unreadable, Unfit, signing.Refusal) as error:
        raise bad_param("certificate_chain", str(error)) from error
    use = {} if draft.params.use == signing.OWN_USE else {"use": draft.params.use}
    return {"certificate_chain": text_of(*chain), **use}


TRUST = "admin"
"""Roots decide whom a charge point trusts, its own certificate lets it into the network: as much is needed as for
approving a request for one."""

COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "install-certificate",
        "Install a root certificate",
        InstallCertificate,
        effect="The charge point lists the certificate.",
        scope=TRUST,
        prepare=a_root_that_fits,
        settled=note_installed,
    ),
    CommandType(
        "get-installed-certificate-ids",
        "List root certificates",
        GetInstalledCertificateIds,
        effect="The list of its certificates is what it says.",
        settled=reconcile,
    ),
    CommandType(
        "delete-certificate",
        "Delete a root certificate",
        DeleteCertificate,
        effect="The charge point no longer lists the certificate.",
        scope=TRUST,
        danger="A charge point without the right root cannot connect over TLS any more. Delete it?",
        prepare=one_that_can_go,
        settled=note_deleted,
    ),
    CommandType(
        "certificate-signed",
        "Bring a signed certificate",
        CertificateSigned,
        effect="The certificate is the charge point's own.",
        while_pending=True,  # for one that waits since its certificate has ended (T-036)
        scope=TRUST,
        prepare=a_chain_that_fits,
        settled=signing.settle_certificate,
    ),
)
