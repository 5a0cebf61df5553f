"""Firmware updates, from the order to the last status."""
