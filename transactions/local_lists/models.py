"""The token lists that charge points keep, mirrored and brought up to date."""
