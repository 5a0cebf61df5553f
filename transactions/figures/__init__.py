"""The network over time: what it looked like each minute, and what became of each day."""
