"""Silences: times in which nobody is told of alerts that match."""
