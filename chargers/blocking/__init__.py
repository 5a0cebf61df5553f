"""Who is turned away at the door, and until when."""
