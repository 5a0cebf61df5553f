"""What was on the wire: connections and outages, reported states, and every frame."""
