"""EVSEs and connectors: which there are, where they are, and what happens to their components."""
