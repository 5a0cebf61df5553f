"""OCPP-J as a value: text in, events and text out, with no socket, no clock and no database."""
