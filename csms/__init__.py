"""The roof and the ground of the house: settings, front doors, and what every room stands on."""

__version__ = "0.1.0"
