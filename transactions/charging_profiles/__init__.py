"""Charging profiles: checked before they are sent, mirrored, cleared."""
