"""Measures the whole stack from socket to store and prints one table: `make bench`, read in docs/performance.md."""
