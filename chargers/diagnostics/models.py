"""Logs and diagnostics of charge points: the jobs, one-time upload URLs, and the files that came."""
