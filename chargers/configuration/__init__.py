"""What charge points are set to, what they should be set to, and where the two differ."""
