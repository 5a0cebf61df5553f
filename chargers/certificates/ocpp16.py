"""OCPP 1.6 of this block, by its security white paper. Wire words become neutral ones here."""

from typing import Any

from chargers.certificates.signing import receive_request
from chargers.commands.ordering import BadParam, Order
from chargers.commands.saying import as_is, renamed, translated, turned
from chargers.handling import Call, Handler

PEM_LENGTH = 5500  # characters; InstallCertificate.certificate

ROOT_WORDS = {
    "central_system_root": "CentralSystemRootCertificate",
    "manufacturer_root": "ManufacturerRootCertificate",
}
HASH_WORDS = {
    "algorithm": "hashAlgorithm",
    "issuer_name_hash": "issuerNameHash",
    "issuer_key_hash": "issuerKeyHash",
    "serial_number": "serialNumber",
}


def sign_certificate(call: Call) -> dict[str, Any]:
    """Security white paper, A02: answered at once, whatever the CA will say (S16-71)."""
    taken = receive_request(call.holder.charge_point_id, call.payload["csr"], now=call.received_at)
    return {"status": "Accepted" if taken else "Rejected"}


CALLS: dict[str, Handler] = {"SignCertificate": sign_certificate}


def _install_certificate(params: dict[str, Any]) -> dict[str, Any]:
    text = f"{params['certificate']}\n"
    if len(text) > PEM_LENGTH:
        raise BadParam("certificate", f"OCPP 1.6 takes at most {PEM_LENGTH} characters, this has {len(text)}")
    return {"certificateType": ROOT_WORDS[params["certificate_type"]], "certificate": text}


def _delete_certificate(params: dict[str, Any]) -> dict[str, Any]:
    named = {**params, "algorithm": params["hash_algorithm"]}
    return {"certificateHashData": {theirs: named[ours] for ours, theirs in HASH_WORDS.items()}}


USES = {theirs: ours for ours, theirs in ROOT_WORDS.items()}


def _said_root(payload: dict[str, Any]) -> dict[str, Any]:
    rest = translated(payload, {"certificate": "certificate"})
    return {"certificate_type": USES[payload["certificateType"]], **rest}


NAME = {theirs: ours for ours, theirs in HASH_WORDS.items()} | {"hashAlgorithm": "hash_algorithm"}


def _said_name(payload: dict[str, Any]) -> dict[str, Any]:
    # What is not found under a name with blanks may be there under the one without.
    for theirs, text in payload["certificateHashData"].items():
        as_is(text, f"certificateHashData.{theirs}")
    return translated(payload["certificateHashData"], NAME)


def _hash_data(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what is installed; a station that has none says NotFound and sends no list."""
    if answer["status"] == "Accepted" and "certificateHashData" not in answer:
        return {}
    listed = answer.get("certificateHashData", ())
    return {
        "certificates": [
            {ours: str(one.get(theirs, "")) for ours, theirs in HASH_WORDS.items()} for one in listed
        ]
    }


ORDERS: dict[str, Order] = {
    "install-certificate": Order(
        "InstallCertificate",
        _install_certificate,
        refused=frozenset({"Rejected", "Failed"}),
        said=_said_root,
    ),
    "get-installed-certificate-ids": Order(
        "GetInstalledCertificateIds",
        lambda params: {"certificateType": ROOT_WORDS[params["certificate_type"]]},
        accepted=frozenset({"Accepted", "NotFound"}),
        refused=frozenset(),
        read=_hash_data,
        said=_said_root,
    ),
    "delete-certificate": Order(
        "DeleteCertificate",
        _delete_certificate,
        refused=frozenset({"Failed", "NotFound"}),
        said=_said_name,
        places=turned(NAME, "certificateHashData.") | {"force": "certificateHashData"},
    ),
    "certificate-signed": Order(
        "CertificateSigned",
        lambda params: {"certificateChain": f"{params['certificate_chain']}\n"},
        said=renamed({"certificateChain": "certificate_chain"}),
        fields=frozenset({"certificate_chain"}),
    ),
}
