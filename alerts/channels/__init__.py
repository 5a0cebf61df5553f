"""Where alerts go: channels with their secrets, quiet hours and bounds, and which rule's alerts go where."""
