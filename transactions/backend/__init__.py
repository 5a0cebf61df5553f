"""Sessions told to the backend, from a durable queue."""
