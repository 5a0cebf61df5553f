"""Who may come in: people with a role, programs with a token."""
