"""Vendors' own messages (DataTransfer), which count only if somebody has entered a handler for them (S-01)."""

from typing import Any

import orjson
from django.conf import settings
from django.utils.module_loading import import_string

from chargers.handling import AskedTransfer, Call, Question, VendorHandler
from csms.core.counting import FactCounter


def data_transfer(call: Call) -> dict[str, Any]:
    """Answer a vendor's message: 1.6, 4.3; 2.0.1, P02. An unknown one is a status and no error."""
    vendor = call.payload["vendorId"].casefold()
    transferred = _transferred(call, vendor)
    TRANSFERS.add(vendor, transferred["status"])
    return transferred


def _transferred(call: Call, vendor: str) -> dict[str, Any]:
    messages = _vendors().get(vendor)
    if messages is None:
        return {"status": "UnknownVendorId"}
    handler = messages.get(call.payload.get("messageId", ""))
    if handler is None:
        return {"status": "UnknownMessageId"}
    transferred = handler(call, _text_of(call.payload))
    return {"status": transferred.status} | ({"data": transferred.data} if transferred.data else {})


def ask_about_transfer(question: Question) -> Any:
    """Ask outside about a vendor's message, where its handler wants that."""
    payload = question.payload
    handler = _vendors().get(payload["vendorId"].casefold(), {}).get(payload.get("messageId", ""))
    return handler.ask(question, _text_of(payload)) if isinstance(handler, AskedTransfer) else None


def _text_of(payload: dict[str, Any]) -> str:
    """Return the data as text; what is no text, as 2.x allows, is written as JSON."""
    data = payload.get("data", "")
    return data if isinstance(data, str) else orjson.dumps(data, default=str).decode()


def _vendors() -> dict[str, dict[str, VendorHandler]]:
    vendors: dict[str, dict[str, VendorHandler]] = import_string(settings.OCPP_VENDORS)
    return vendors


TRANSFERS = FactCounter(
    "csms_data_transfers_total",
    "Messages of vendors that charge points sent, by how they were answered.",
    vendor=_vendors,
    status=("Accepted", "Rejected", "UnknownVendorId", "UnknownMessageId"),
)
