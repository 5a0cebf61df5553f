"""OCPP 2.0.1 of certificates: what charge points ask to be signed (A02, A03). Wire words become neutral here."""

from typing import Any

from chargers.certificates.models import SigningRequest
from chargers.certificates.signing import receive_request
from chargers.commands.ordering import Order
from chargers.handling import Call, Handler

Use = SigningRequest.Use
USES = {"ChargingStationCertificate": Use.CHARGE_POINT, "V2GCertificate": Use.V2G}
TYPES = {ours.value: theirs for theirs, ours in USES.items()}


def sign_certificate(call: Call) -> dict[str, Any]:
    """S2-100: answered at once, whatever the CA will say. One that names no type is for both uses."""
    use = USES.get(call.payload.get("certificateType", ""), Use.COMBINED)
    charge_point_id = call.holder.charge_point_id
    taken = receive_request(charge_point_id, call.payload["csr"], use=use, now=call.received_at)
    return {"status": "Accepted" if taken else "Rejected"}


CALLS: dict[str, Handler] = {"SignCertificate": sign_certificate}


def _certificate_signed(params: dict[str, Any]) -> dict[str, Any]:
    type = TYPES.get(params.get("use", Use.CHARGE_POINT))
    typed = {} if type is None else {"certificateType": type}
    return {"certificateChain": f"{params['certificate_chain']}\n", **typed}


def _said_chain(payload: dict[str, Any]) -> dict[str, Any]:
    use = USES.get(payload.get("certificateType", ""), Use.COMBINED)
    return {"certificate_chain": payload["certificateChain"], "use": use.value}


ORDERS: dict[str, Order] = {
    "certificate-signed": Order(
        "CertificateSigned", _certificate_signed, said=_said_chain, places={"use": "certificateType"}
    ),
}
