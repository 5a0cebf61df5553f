"""Incidents: alerts that fire together and share something."""
