"""OCPP 1.6 of places: it has none but connectors."""

NO_EVSES = {"evse_id": "OCPP 1.6 knows connectors, not EVSEs: give connector_id"}
"""What is said to those who name an EVSE (`Order.instead`)."""
