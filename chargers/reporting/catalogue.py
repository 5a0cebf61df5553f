"""The commands of this block."""

from chargers.commands.ordering import CommandType

COMMANDS: dict[str, CommandType] = {}
