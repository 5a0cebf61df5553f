"""What charge points tell of their security."""
