"""How a message leaves for each kind of channel: a file a kind, and `table` with all of them."""
