"""The Alertmanager beside the house: its alerts and silences, and the channels written as its configuration."""
