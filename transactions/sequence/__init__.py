"""The numbered events of 2.x: kept as they came, put in order, and asked for where some are missing."""
