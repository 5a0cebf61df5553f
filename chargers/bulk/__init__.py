"""One command for many charge points: in steps, at a rate, canaries first, and stopped when too much goes wrong."""
