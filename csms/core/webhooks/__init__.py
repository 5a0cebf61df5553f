"""Webhooks: endpoints that programs give, to which events are posted, signed, each in a queue of its own."""
