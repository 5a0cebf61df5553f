"""What a new charge point of 2.x is asked and set before it is accepted."""
