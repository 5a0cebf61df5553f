"""Basic-auth passwords of charge points, changed in two phases, and what a proven profile forbids."""
