"""The messages of events: `csms/events/v1/events.proto`, and the code that `manage.py events_proto` makes of it."""
