"""What became of a command, told to whoever asked for it."""
