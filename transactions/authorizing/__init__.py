"""Who may charge in 2.x: Authorize, the cache of the station, and what it is told of a token."""
