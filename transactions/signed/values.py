"""What is signed of a sampled value of OCPP 2.x, as it came. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from transactions.sampled import label_of


class Signed(NamedTuple):
    """A signed meter value (2.0.1, 2.45) with the labels of the sampled value that it stands in; no text is changed."""

    context: str
    measurand: str
    data: str
    signing_method: str
    encoding_method: str
    public_key: str


def signed_values(sampled_values: Iterable[Mapping[str, Any]]) -> tuple[Signed, ...]:
    """Return what is signed of the sampled values, in their order."""
    return tuple(
        Signed(
            _text(item.get("context"))[:32],
            label_of(item, "measurand")[:64],
            _text(signed.get("signedMeterData")),
            _text(signed.get("signingMethod")),
            _text(signed.get("encodingMethod")),
            _text(signed.get("publicKey")),
        )
        for item in sampled_values
        if isinstance(signed := item.get("signedMeterValue"), dict)
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
