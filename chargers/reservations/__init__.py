"""Reservations of connectors, from the order to their end."""
