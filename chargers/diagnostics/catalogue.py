"""The commands of this block."""

from chargers.ordering import CommandType, by_slug

COMMANDS: dict[str, CommandType] = by_slug()
